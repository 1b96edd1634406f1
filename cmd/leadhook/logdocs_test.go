package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryLogMessageIsExplained compares the table in docs/operating.md with
// the messages that the code logs, and their levels.
func TestEveryLogMessageIsExplained(t *testing.T) {
	t.Parallel()
	logged := &loggedMessages{t: t, found: map[string]bool{}}
	logged.walk("../..")
	explained := map[string]bool{}
	_, table, _ := strings.Cut(document(t, "operating.md"), "\n## Log messages\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| (debug|info|warn|error) \\| `([^`]+)` \\| [^|]+ \\|$").FindAllStringSubmatch(table, -1) {
		explained[row[1]+" "+row[2]] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(logged.found)), slices.Sorted(maps.Keys(explained))); diff != "" {
		t.Errorf("docs/operating.md explains other messages than are logged: code (-), docs (+):\n%s", diff)
	}
}

// loggedMessages are those of zap's loggers in non-test code: a level, a blank
// and the message, which must be a constant so that it can be searched for.
type loggedMessages struct {
	t      *testing.T
	found  map[string]bool
	values map[string][]ast.Expr // of the constants and variables of the package that is read
}

// builtMessages are those that are no constants where they are logged.
var builtMessages = map[string][]string{
	"dispatch/settle.go":      {"debug scheduled", "debug deferred", "debug handed_over"},
	"internal/wait/outage.go": nil, // those of its callers
}

func (l *loggedMessages) walk(root string) {
	l.t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "tools") {
			return filepath.SkipDir
		}
		files, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil {
			return err
		}
		l.read(root, files)
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// read reads the files of one package.
func (l *loggedMessages) read(root string, files []string) {
	l.t.Helper()
	var parsed []*ast.File
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			l.t.Fatal(err)
		}
		parsed = append(parsed, file)
	}
	l.values = namedValues(parsed)
	for _, file := range parsed {
		name, err := filepath.Rel(root, set.Position(file.Pos()).Filename)
		if err != nil {
			l.t.Fatal(err)
		}
		for _, message := range builtMessages[name] {
			l.found[message] = true
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				l.call(name, set, call)
			}
			return true
		})
	}
}

// call notes the messages of a call, if it is one of zap's or makes an outage.
func (l *loggedMessages) call(file string, set *token.FileSet, call *ast.CallExpr) {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	var level string
	var messages []ast.Expr
	switch f.Sel.Name {
	case "Debug", "Info", "Warn", "Error":
		if len(call.Args) == 0 || !isLogger(f.X) {
			return
		}
		level, messages = f.Sel.Name, call.Args[:1]
	case "Check", "Log":
		if len(call.Args) < 2 || !isLogger(f.X) {
			return
		}
		level, messages = levelOf(call.Args[0]), call.Args[1:2]
	case "NewOutage":
		level, messages = levelOf(call.Args[1]), call.Args[2:4]
	default:
		return
	}
	for i, expr := range messages {
		texts := l.texts(expr)
		if _, known := builtMessages[file]; len(texts) == 0 && !known {
			l.t.Errorf("%s: the message must be a constant", set.Position(expr.Pos()))
		}
		if i == 1 {
			level = "info" // an outage is over
		}
		for _, text := range texts {
			l.found[strings.ToLower(level)+" "+text] = true
		}
	}
}

// isLogger reports whether an expression is called as loggers are.
func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return isLoggerName(x.Name)
	case *ast.SelectorExpr:
		return isLoggerName(x.Sel.Name)
	case *ast.CallExpr: // such as log.With(…)
		f, ok := x.Fun.(*ast.SelectorExpr)
		return ok && isLogger(f.X)
	}
	return false
}

// isLoggerName has out for where log is the topic of webhooks.
func isLoggerName(name string) bool { return strings.EqualFold(name, "log") || name == "out" }

// levelOf is the name of a level, such as that of zapcore.WarnLevel.
func levelOf(x ast.Expr) string {
	if s, ok := x.(*ast.SelectorExpr); ok {
		return strings.TrimSuffix(s.Sel.Name, "Level")
	}
	return "unknown"
}

// texts are the constant texts that an expression can be; none if it is no
// constant, nor a variable that constants are assigned to.
func (l *loggedMessages) texts(x ast.Expr) (all []string) {
	switch x := x.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(x.Value); err == nil {
			return []string{text}
		}
	case *ast.BinaryExpr:
		for _, left := range l.texts(x.X) {
			for _, right := range l.texts(x.Y) {
				all = append(all, left+right)
			}
		}
	case *ast.Ident:
		for _, value := range l.values[x.Name] {
			if lit, ok := value.(*ast.BasicLit); ok {
				all = append(all, l.texts(lit)...)
			}
		}
	}
	return all
}

// namedValues are the values of constants and variables, by name.
func namedValues(files []*ast.File) map[string][]ast.Expr {
	found := map[string][]ast.Expr{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, value := range n.Values {
					found[n.Names[i].Name] = append(found[n.Names[i].Name], value)
				}
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if name, ok := to.(*ast.Ident); ok && len(n.Rhs) == len(n.Lhs) {
						found[name.Name] = append(found[name.Name], n.Rhs[i])
					}
				}
			}
			return true
		})
	}
	return found
}
