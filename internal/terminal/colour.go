package terminal

// A Style is a way to write on a terminal.
type Style string

// The styles of a heading, of what is well, of a warning, and of an error.
const (
	Bold   Style = "1"
	Green  Style = "32"
	Yellow Style = "33"
	Red    Style = "31"
)

// Paint returns text for standard output in a style. It returns text unchanged if
// standard output is not a terminal with colours, or if the variable NO_COLOR is
// set (no-color.org). Do not use it for cells of a table: the escape sequences
// would count as width.
func (t *Terminal) Paint(s Style, text string) string {
	if !IsTerminal(t.Stdout) || t.Variable("NO_COLOR") != "" || t.Variable("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
