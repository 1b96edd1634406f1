package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// TestLinksOfTheDocsLeadSomewhere follows those within the repository, to their
// headings too.
func TestLinksOfTheDocsLeadSomewhere(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	link := regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)
	for _, file := range append(files, "../../README.md", "../../CHANGELOG.md", "../../CONTRIBUTING.md", "../../SECURITY.md") {
		for _, m := range link.FindAllStringSubmatch(readText(t, file), -1) {
			target, heading := m[1], m[2]
			if strings.Contains(target, "://") {
				continue
			}
			at := file
			if target != "" {
				at = filepath.Join(filepath.Dir(file), target)
			}
			if _, err := os.Stat(at); err != nil {
				t.Errorf("%s links to %s, which is not there", file, target)
			} else if heading != "" && !hasHeading(readText(t, at), heading) {
				t.Errorf("%s links to %s#%s: there is no such heading", file, target, heading)
			}
		}
	}
}

// TestDecisionsHaveAHeadingAndADate keeps docs/decisions.md in its form: each
// decision has a heading of its own, and begins with its date.
func TestDecisionsHaveAHeadingAndADate(t *testing.T) {
	t.Parallel()
	dated := regexp.MustCompile(`^\d{4}-\d\d-\d\d\. \S`)
	_, decisions, _ := strings.Cut(readText(t, "../../docs/decisions.md"), "\n## ")
	for _, section := range strings.Split(decisions, "\n### ")[1:] {
		heading, text, _ := strings.Cut(section, "\n\n")
		if !dated.MatchString(text) {
			t.Errorf("the decision %q does not begin with its date", heading)
		}
	}
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hasHeading looks for the heading with a name as GitHub gives it.
func hasHeading(text, name string) bool {
	for line := range strings.Lines(text) {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(title))
		if slug == name {
			return true
		}
	}
	return false
}
