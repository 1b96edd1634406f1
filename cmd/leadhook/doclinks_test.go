package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// TestFilesOfTheDocsAreThere looks for every file and folder that
// docs/architecture.md and CONTRIBUTING.md name, and for every package in the
// former.
func TestFilesOfTheDocsAreThere(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile("`(\\.?[A-Za-z0-9_]+(?:[/.][A-Za-z0-9_.-]+)+/?)`")
	ours := regexp.MustCompile(`\.(go|md|yaml|yml)$|/`)
	for _, file := range []string{"../../docs/architecture.md", "../../CONTRIBUTING.md"} {
		for _, m := range named.FindAllStringSubmatch(readText(t, file), -1) {
			if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil && ours.MatchString(m[1]) && !strings.HasPrefix(m[1], "bin/") {
				t.Errorf("%s names %s, which is not there", file, m[1])
			}
		}
	}
	architecture := readText(t, "../../docs/architecture.md")
	for dir := range packagesOfOurs(t) {
		if !regexp.MustCompile("[`\"]" + regexp.QuoteMeta(dir) + "[`<\"]").MatchString(architecture) {
			t.Errorf("docs/architecture.md does not name the package %s", dir)
		}
	}
}

// TestTheMapIsTrue compares the arrows in docs/architecture.md with what the
// packages import.
func TestTheMapIsTrue(t *testing.T) {
	t.Parallel()
	_, drawn, _ := strings.Cut(readText(t, "../../docs/architecture.md"), "```mermaid\n")
	drawn, _, _ = strings.Cut(drawn, "```")
	dirs := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)\["([a-z0-9/]+)<br/>`).FindAllStringSubmatch(drawn, -1) {
		dirs[m[1]] = m[2]
	}
	imports := packagesOfOurs(t)
	arrows := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^  (\w+)(?:\[[^]]*\])? --> (\w+)`).FindAllStringSubmatch(drawn, -1) {
		from, to := dirs[m[1]], dirs[m[2]]
		arrows[from+" "+to] = true
		if !imports[from][to] {
			t.Errorf("the map has an arrow from %s to %s, which it does not import", from, to)
		}
	}
	shown := slices.Collect(maps.Values(dirs))
	for from, all := range imports {
		for to := range all {
			if slices.Contains(shown, from) && slices.Contains(shown, to) && to != "lead" && !reaches(arrows, from, to) {
				t.Errorf("%s imports %s; the map shows no way there", from, to)
			}
		}
	}
}

// reaches reports whether arrows lead from one package to another.
func reaches(arrows map[string]bool, from, to string) bool {
	for arrow := range arrows {
		begin, end, _ := strings.Cut(arrow, " ")
		if begin == from && (end == to || reaches(arrows, end, to)) {
			return true
		}
	}
	return false
}

// packagesOfOurs are what the packages import of ours, by folder below the
// repository; those of tests and of commands' families are not among them.
func packagesOfOurs(t *testing.T) map[string]map[string]bool {
	t.Helper()
	const root, module = "../..", "github.com/leadhook/leadhook/"
	found := map[string]map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if name := d.Name(); name == "testdata" || name == "tools" || path != root && strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = family(filepath.ToSlash(dir))
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		if found[dir] == nil {
			found[dir] = map[string]bool{}
		}
		for _, spec := range file.Imports {
			if name, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module); ok && family(name) != dir {
				found[dir][family(name)] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// family is the folder that stands for a package: that of all commands for the
// families of commands, and likewise below internal.
func family(dir string) string {
	parts := strings.Split(dir, "/")
	if len(parts) > 2 && (parts[0] == "cmd" || parts[0] == "internal") {
		return strings.Join(parts[:2], "/")
	}
	return dir
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
