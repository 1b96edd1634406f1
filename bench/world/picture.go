package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// A mark is a line of the picture: what a figure is in a case and while all is calm.
// Ages have three values, from the middle to the worst, in milliseconds; rates have
// one, as a share of calm.
type mark struct {
	name       string
	ages, calm []float64
	share      float64
}

// marks returns the lines of all cases of the service that are held beside calm.
func (m *measurement) marks() []mark {
	var all []mark
	subject := m.subjects[0].name
	for _, g := range m.cases {
		if g.calm().bare {
			continue // how long a loop takes says nothing of CRMs
		}
		calm := g.calm().results[subject]
		for _, c := range g.cases[1:] {
			results := c.results[subject]
			if len(measured(results)) == 0 || len(measured(calm)) == 0 {
				continue
			}
			one := mark{name: g.fullName(c)}
			if hasAges(results) {
				one.ages, one.calm = ages(results), ages(calm)
			} else {
				rate := func(r *result) float64 { return r.first().rate }
				one.share = medianOf(results, rate) / max(1, medianOf(calm, rate))
			}
			all = append(all, one)
		}
	}
	return all
}

func ages(results []*result) (values []float64) {
	for _, percent := range []float64{50, 99, 99.9} {
		values = append(values, medianOf(results, func(r *result) float64 { return r.first().quantile(percent) }))
	}
	return values
}

// The measures of the picture, in pixels.
const (
	lineHeight = 26
	labelWidth = 800
	plotWidth  = 480
	margin     = 20
	header     = 70
)

// picture draws the marks, one below the other: ages as lines from p50 over p99 to
// p99.9 on a logarithmic scale from 1 ms to 100 s, rates as bars up to 1.2 × calm.
func picture(all []mark) string {
	var b strings.Builder
	width, height := labelWidth+plotWidth+2*margin, header+lineHeight*len(all)+margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	fmt.Fprintf(&b, `<text x="%d" y="20" font-size="14">Healthy CRMs: the age of their leads (p50, p99, p99.9), grey while all is calm, blue in the case;</text>`+"\n", margin)
	fmt.Fprintf(&b, `<text x="%d" y="38" font-size="14">where leads wait, the rate beside calm (green, the line is 1)</text>`+"\n", margin)
	for decade := 0; decade <= 5; decade++ {
		ms := math.Pow10(decade)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#eee"/><text x="%.1f" y="%d" fill="#777" text-anchor="middle">%s</text>`+"\n",
			ageX(ms), header-8, ageX(ms), height-margin, ageX(ms), header-12, duration(ms))
	}
	for n, m := range all {
		y := header + lineHeight*n + lineHeight/2
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", margin+labelWidth-10, y+4, html.EscapeString(m.name))
		if m.ages == nil {
			bar(&b, y, m.share)
			continue
		}
		ageLine(&b, y-4, m.calm, "#999")
		ageLine(&b, y+4, m.ages, "#1f6fb4")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// ageX is where an age is.
func ageX(ms float64) float64 {
	const decades = 5
	return margin + labelWidth + plotWidth*min(1, max(0, math.Log10(max(ms, 1))/decades))
}

func duration(ms float64) string {
	if ms >= 1000 {
		return fmt.Sprintf("%g s", ms/1000)
	}
	return fmt.Sprintf("%g ms", ms)
}

func ageLine(b *strings.Builder, y int, ages []float64, colour string) {
	first, last := ageX(ages[0]), ageX(ages[len(ages)-1])
	fmt.Fprintf(b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="2"/>`, first, y, last, y, colour)
	for _, ms := range ages {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%d" r="3" fill="%s"/>`, ageX(ms), y, colour)
	}
	b.WriteString("\n")
}

func bar(b *strings.Builder, y int, share float64) {
	const most = 1.2
	one := margin + labelWidth + plotWidth/most
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="10" fill="#4a9a5a"/><line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#333"/><text x="%.1f" y="%d" fill="#333">%.2f</text>`+"\n",
		margin+labelWidth, y-5, plotWidth*min(most, max(0, share))/most, one, y-8, one, y+8, one+6, y+4, share)
}
