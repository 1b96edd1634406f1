package seedfile_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/webhook/seedfile"
)

// bombVariable makes TestMain read the bomb of that name in a process of its own, so that
// its memory is measured alone.
const bombVariable = "LEADHOOK_TEST_BOMB"

func TestMain(m *testing.M) {
	if name := os.Getenv(bombVariable); name != "" {
		explode(name)
		return
	}
	os.Exit(m.Run())
}

const bombSize = 8 << 20

// bombs are files that take more time or memory than others of their size.
var bombs = map[string]func() string{
	"lists in a line":       repeated("webhooks: ", "[", ""),
	"maps in a line":        repeated("webhooks: ", "{a: ", ""),
	"JSON lists":            repeated(`{"webhooks": `, "[", ""),
	"JSON maps":             repeated(`{"webhooks": [`, `{"a":`, ""),
	"hyphens":               repeated("webhooks:\n", "- ", ""),
	"hyphen lines":          repeated("webhooks:\n", "-\n", ""),
	"empty webhooks":        repeated("webhooks:\n", "- {}\n", ""),
	"empty JSON webhooks":   repeated(`{"webhooks": [{}`, ",{}", "]}"),
	"empty webhooks inline": repeated("webhooks: [{}", ",{}", "]"),
	"short webhooks":        repeated("webhooks:\n", "- id: a\n", ""),
	"one list":              repeated("webhooks:\n- lead_types: [a", ",a", "]\n"),
	"one JSON list":         repeated(`{"webhooks": [{"lead_types": ["a"`, `,"a"`, `]}]}`),
	"one list of lines":     repeated("webhooks:\n- lead_types:\n", "  - a\n", ""),
	"one map":               repeated("webhooks:\n- headers: {a: a", ",a: a", "}\n"),
	"one map of lines":      repeated("webhooks:\n- headers:\n", "    a: a\n", ""),
	"unknown fields":        repeated("webhooks:\n- id: a\n", "  x: y\n", ""),
	"other keys":            repeated("webhooks: []\n", "x: y\n", ""),
	"documents":             repeated("webhooks: []\n", "---\n", ""),
	"documents of lists":    repeated("", "---\nwebhooks: []\n", ""),
	"ends of documents":     repeated("webhooks: []\n", "...\n", ""),
	"comments":              repeated("webhooks:\n", "#\n", ""),
	"comments in a webhook": repeated("webhooks:\n- id: a\n", "#\n", ""),
	"blank lines":           repeated("webhooks:\n- id: a\n", "\n", ""),
	"blanks":                repeated("webhooks:\n- id: a", " ", "\n"),
	"tabs":                  repeated("webhooks:\n- id: a", "\t", "\n"),
	"a long line":           repeated("webhooks:\n- id: ", "x", "\n"),
	"a long JSON line":      repeated(`{"webhooks": [{"id": "`, "x", `"}]}`),
	"a long key":            repeated("webhooks:\n- ", "x", ": a\n"),
	"a quoted line":         repeated("webhooks:\n- id: \"", `\u0041`, "\"\n"),
	"an open quote":         repeated("webhooks:\n- id: \"", "x\n", ""),
	"single quotes":         repeated("webhooks:\n- id: '", "''", "'\n"),
	"a folded text":         repeated("webhooks:\n- id: >\n", "    x\n", ""),
	"a literal text":        repeated("webhooks:\n- id: |\n", "    x\n", ""),
	"anchors":               repeated("webhooks:\n- id: ", "&b ", "a\n"),
	"anchors of webhooks":   repeated("webhooks:\n", "- &a {}\n", ""),
	"aliases":               repeated("webhooks: [&a {}", ",*a", "]"),
	"aliases of webhooks":   repeated("webhooks:\n- &a {id: a}\n", "- *a\n", ""),
	"aliases of a list":     repeated("webhooks:\n- lead_types: &a ["+strings.Repeat("calls,", 50_000)+"calls]\n", "- lead_types: *a\n", ""),
	"billion laughs": func() string {
		var text strings.Builder
		text.WriteString("webhooks:\n- headers:\n    a0: &a0 [lol]\n")
		for i := range 310 {
			fmt.Fprintf(&text, "    a%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 5000), i)
		}
		return text.String()
	},
	"tags":           repeated("webhooks:\n- id: ", "!!a ", "\n"),
	"question marks": repeated("webhooks:\n", "? ", ""),
	"colons":         repeated("webhooks:\n- ", ":", "\n"),
	"keys in a line": repeated("webhooks:\n- ", "a: ", "\n"),
	"deeper lines":   func() string { return deeper("a:\n") },
	"deeper lists":   func() string { return deeper("-\n") },
	"dollars":        repeated("webhooks:\n- authorization: ", "${A}", "\n"),
	"many headers":   func() string { return distinct("webhooks:\n- headers:\n", "    a%d: b\n") },
	"many webhooks":  func() string { return distinct("webhooks:\n", "- {id: a%d, advertiser: b, url: c, event: d}\n") },
	"one advertiser": func() string {
		return distinct("webhooks:\n", "- {id: a%d, advertiser: b, url: 'https://c', event: new_contact}\n")
	},
	"the same id":      repeated("webhooks:\n", "- {id: a, advertiser: b, url: 'https://c', event: new_contact}\n", ""),
	"carriage returns": repeated("webhooks:\n- id: a\n", "\r", "\n"),
	"large webhooks": func() string {
		return strings.Repeat("webhooks:\n", 1) + strings.Repeat("- id: \""+strings.Repeat("x\\n", 80_000)+"\"\n", 33)
	},
	"large open quotes": func() string {
		return "webhooks:\n" + strings.Repeat("- id: \""+strings.Repeat("x\\n", 80_000)+"\n", 33)
	},
	"large comments": func() string { return "webhooks:\n" + strings.Repeat("- id: a\n"+strings.Repeat("#\n", 120_000), 33) },
	"large blanks":   func() string { return "webhooks:\n" + strings.Repeat("- id: a\n"+strings.Repeat("\n", 240_000), 33) },
	"large literals": func() string {
		return "webhooks:\n" + strings.Repeat("- id: |\n"+strings.Repeat("    x\n", 40_000), 33)
	},
	"large folded texts": func() string {
		return "webhooks:\n" + strings.Repeat("- id: >\n"+strings.Repeat("    x\n", 40_000), 33)
	},
	"large plain texts": func() string {
		return "webhooks:\n" + strings.Repeat("- id: a\n"+strings.Repeat("    x\n", 40_000), 33)
	},
	"large quotes": func() string {
		return "webhooks:\n" + strings.Repeat("- id: \""+strings.Repeat("x\n    ", 40_000)+"\"\n", 33)
	},
	"many tokens": func() string {
		return "webhooks:\n" + strings.Repeat("- lead_types: [a"+strings.Repeat(",a", 980)+"]\n", 4000)
	},
	"NULs":             repeated("webhooks:\n- id: ", "\x00", "\n"),
	"byte order marks": repeated("webhooks:\n- id: ", "\ufeff", "\n"),
}

func repeated(head, part, tail string) func() string {
	return func() string {
		return head + strings.Repeat(part, (bombSize-len(head)-len(tail))/len(part)) + tail
	}
}

func deeper(line string) string {
	var b strings.Builder
	b.WriteString("webhooks:\n")
	for i := 0; b.Len() < bombSize; i++ {
		b.WriteString(strings.Repeat(" ", i) + line)
	}
	return b.String()
}

func distinct(head, format string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len() < bombSize; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// explode reads a bomb, and prints how long that took and how much memory the process had
// at most.
func explode(name string) {
	file := []byte(bombs[name]())
	runtime.GC()
	started := time.Now()
	hooks, err := seedfile.Parse(context.Background(), "seed.yaml", file, seedfile.Options{})
	took := time.Since(started)
	status, _ := os.ReadFile("/proc/self/status")
	_, most, _ := strings.Cut(string(status), "VmHWM:")
	kib, _, _ := strings.Cut(most, "kB")
	text := ""
	if err != nil {
		text = err.Error()
	}
	fmt.Printf("%d %d %d %.100q\n", took.Milliseconds(), number(kib), len(hooks), text)
}

// number returns a number, or 0 where the system does not tell it.
func number(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0
	}
	return n
}

// TestBombs reads each bomb in a process of its own. What is wanted is a fault within a
// second or two; the limit leaves room for a machine that does other work.
func TestBombs(t *testing.T) {
	const longest, largest = 10_000, 128 << 10 // ms, KiB
	for name := range bombs {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), bombVariable+"="+name)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %.1000s", err, out)
			}
			var ms, kib, hooks int
			var fault string
			if _, err := fmt.Sscanf(string(out), "%d %d %d %q", &ms, &kib, &hooks, &fault); err != nil {
				t.Fatalf("%v: %.1000s", err, out)
			}
			t.Logf("%d ms, %d MiB, %d webhooks: %s", ms, kib>>10, hooks, fault)
			if fault == "" || hooks > 0 || ms > longest || kib > largest {
				t.Errorf("got %d webhooks, %q, after %d ms with %d KiB; want a fault within %d ms and %d KiB", hooks, fault, ms, kib, longest, largest)
			}
		})
	}
}
