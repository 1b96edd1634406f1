package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

const cliHead = `<!-- Made from the commands themselves: go test ./cmd/leadhook -run TestTheCommandsAreDocumented -update -->
# The commands

This is what ` + "`leadhook COMMAND --help`" + ` prints. Results go to standard output, everything else to standard
error: progress, questions, warnings, errors. Colours, progress and questions appear only on a terminal; ` + "`NO_COLOR`" + `
turns colours off. How scripts read the results, and how a shell completes commands, is in
[operating.md](operating.md#in-scripts).

Exit codes: **0** done, **1** failed, or a check found a problem, **2** wrong usage: flags, settings.
When its output is closed, as ` + "`head`" + ` does, a command ends by SIGPIPE without a message.
`

// TestTheCommandsAreDocumented compares docs/cli.md with the command line.
func TestTheCommandsAreDocumented(t *testing.T) {
	t.Parallel()
	const file = "../../docs/cli.md"
	got := cliDocs(t)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not current, run make docs: file (-), commands (+):\n%s", file, diff)
	}
}

func cliDocs(t *testing.T) string {
	t.Helper()
	all := allCommands(t)
	var out strings.Builder
	out.WriteString(cliHead)
	out.WriteString("\n| command | |\n| --- | --- |\n")
	for _, node := range all {
		name := commandName(node)
		fmt.Fprintf(&out, "| [`%s`](#%s) | %s |\n", name, strings.ReplaceAll("leadhook "+name, " ", "-"), cell(node.Help))
	}
	out.WriteString("\nEvery command has these flags:\n\n")
	writeValues(&out, flagsOf(all[0].Parent))
	for _, node := range all {
		writeCommand(&out, node)
	}
	return out.String()
}

func commandName(node *kong.Node) string { return strings.TrimPrefix(node.FullPath(), "leadhook ") }

func writeCommand(out *strings.Builder, node *kong.Node) {
	text, _, _ := strings.Cut(node.Detail, "Examples:")
	fmt.Fprintf(out, "\n## leadhook %s\n\n%s\n", commandName(node), node.Help)
	if text = strings.TrimSpace(text); text != "" {
		fmt.Fprintf(out, "\n%s\n", text)
	}
	fmt.Fprintf(out, "\n```sh\n%s\n```\n", strings.Join(examplesOf(node.Detail), "\n"))
	rows := flagsOf(node)
	for i := len(node.Positional) - 1; i >= 0; i-- {
		arg := node.Positional[i]
		rows = append([][2]string{{arg.Summary(), arg.Help}}, rows...)
	}
	if len(rows) > 0 {
		out.WriteByte('\n')
		writeValues(out, rows)
	}
}

// flagsOf are a command's own flags; those of the commands that it is in count,
// except those that every command has.
func flagsOf(node *kong.Node) (rows [][2]string) {
	for ; node != nil; node = node.Parent {
		if node.Type == kong.ApplicationNode && len(rows) > 0 {
			break
		}
		rows = append(rows, ownFlags(node)...)
		if node.Parent != nil && node.Parent.Type == kong.ApplicationNode {
			break
		}
	}
	return rows
}

func ownFlags(node *kong.Node) (rows [][2]string) {
	for _, flag := range node.Flags {
		if !flag.Hidden {
			rows = append(rows, [2]string{flagSyntax(flag), flag.Help})
		}
	}
	return rows
}

// flagSyntax is how a flag is written, as kong's help has it.
func flagSyntax(flag *kong.Flag) string {
	text := "--" + flag.Name
	if flag.Tag.Negatable != "" {
		text = "--[no-]" + flag.Name
	}
	if !flag.IsBool() && !flag.IsCounter() {
		text += "=" + flag.FormatPlaceHolder()
	}
	if flag.Short != 0 {
		text = "-" + string(flag.Short) + ", " + text
	}
	return text
}

func writeValues(out *strings.Builder, rows [][2]string) {
	out.WriteString("| | |\n| --- | --- |\n")
	for _, row := range rows {
		fmt.Fprintf(out, "| `%s` | %s |\n", strings.ReplaceAll(row[0], "|", `\|`), cell(row[1]))
	}
}

// cell is a text within a table of Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "\n", " ").Replace(text)
}
