package terminal

// A style is a way to write on a terminal.
type Style string

// The styles: of a heading, of what is well, worth a look, and wrong.
const (
	Bold   Style = "1"
	Green  Style = "32"
	Yellow Style = "33"
	Red    Style = "31"
)

// Paint puts text for standard output into a style if that is a terminal that
// knows colours, and the person has not asked for none (NO_COLOR, no-color.org).
// Not for the cells of a table: their width would count the invisible.
func (t *Terminal) Paint(s Style, text string) string {
	if !IsTerminal(t.Stdout) || t.Variable("NO_COLOR") != "" || t.Variable("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
