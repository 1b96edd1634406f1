package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/leadhook/leadhook/internal/realstack"
)

// markdown returns the tables: what was to be reached, and what each situation cost.
func (m *measurement) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Run of %s on %s, in %.0f minutes.\n\n", m.began.UTC().Format(time.DateOnly), realstack.Machine(), time.Since(m.began).Minutes())
	b.WriteString("| case | figure | rounds | calm | seen | ÷ calm | to reach | |\n|---|---|---|---|---|---|---|---|\n")
	for _, g := range m.cases {
		for _, c := range g.cases {
			for _, s := range m.subjects {
				m.figureRows(&b, g, c, s)
			}
		}
	}
	b.WriteString("\n| situation | rounds | CPU of a lead | peak RSS | age p50 | p99 | p99.9 | longest gap | came twice |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, g := range m.cases {
		for _, c := range g.cases {
			for _, s := range m.subjects {
				m.costRow(&b, g, c, s)
			}
		}
	}
	return b.String()
}

func (m *measurement) title(g *group, c *situation, s *subject) string {
	if s == m.subjects[0] {
		return g.fullName(c)
	}
	return g.fullName(c) + " (" + s.name + ")"
}

func (m *measurement) figureRows(b *strings.Builder, g *group, c *situation, s *subject) {
	calm, this := g.calm().results[s.name], c.results[s.name]
	for _, f := range c.figures {
		o := f.evaluate(calm, this)
		if o.rounds == 0 {
			continue
		}
		beside, ratio, wanted, met := "", "", "", ""
		if c != g.calm() {
			beside, ratio = number(o.calm), fmt.Sprintf("%.2f", o.ratio)
		}
		if f.want != nil {
			wanted, met = f.want.text, "met"
			if !o.met {
				met = "**not met**"
			}
		}
		fmt.Fprintf(b, "| %s | %s | %d | %s | %s | %s | %s | %s |\n", m.title(g, c, s), f.name, o.rounds, beside, strings.TrimSpace(number(o.this)+" "+f.unit), ratio, wanted, met)
	}
}

func (m *measurement) costRow(b *strings.Builder, g *group, c *situation, s *subject) {
	results := measured(c.results[s.name])
	if len(results) == 0 {
		return
	}
	ages := [3]string{"–", "–", "–"}
	if hasAges(results) {
		for n, percent := range []float64{50, 99, 99.9} {
			ages[n] = number(medianOf(results, func(r *result) float64 { return r.first().quantile(percent) })) + " ms"
		}
	}
	peak := "–" // of a loop that has ended before it could be asked
	if bytes := medianOf(results, func(r *result) float64 { return float64(r.peak) }); bytes > 0 {
		peak = number(bytes/1e6) + " MB"
	}
	fmt.Fprintf(b, "| %s | %d | %s µs | %s | %s | %s | %s | %s ms | %s |\n", m.title(g, c, s), len(results),
		number(medianOf(results, (*result).cpuPerLead)), peak,
		ages[0], ages[1], ages[2],
		number(medianOf(results, func(r *result) float64 { return float64(r.first().gap.Milliseconds()) })),
		number(medianOf(results, func(r *result) float64 { return float64(r.first().twice) })))
}

// number writes a figure as precisely as it is worth.
func number(f float64) string {
	switch {
	case f == float64(int64(f)), f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// Between these lines of performance.md is what a whole run writes.
const (
	beginMark = "<!-- make world -->\n"
	endMark   = "<!-- end of make world -->"
)

const pictureFile = "world.svg"

// write replaces the tables in performance.md, and the picture.
func (m *measurement) write(docs string) error {
	file := filepath.Join(docs, "performance.md")
	text, err := os.ReadFile(file) //nolint:gosec // whoever runs it names the directory
	if err != nil {
		return err
	}
	changed, err := replaceBetween(string(text), "![Ages of healthy leads, and rates beside calm]("+pictureFile+")\n\n"+m.markdown())
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return errors.Join(
		os.WriteFile(file, []byte(changed), 0o644),                                        //nolint:gosec // everybody may read the docs
		os.WriteFile(filepath.Join(docs, pictureFile), []byte(picture(m.marks())), 0o644), //nolint:gosec // and the picture
	)
}

// replaceBetween puts a text between the marks.
func replaceBetween(document, text string) (string, error) {
	before, rest, began := strings.Cut(document, beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !began || !ended {
		return "", fmt.Errorf("the lines %q and %q are not there", strings.TrimSpace(beginMark), endMark)
	}
	return before + beginMark + text + endMark + after, nil
}
