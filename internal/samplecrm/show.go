package samplecrm

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// show adds a lead to the page, and writes two lines about it to Out:
//
//	16:12:09  Web form from Maria Lopez: Is the blue one still there?
//	          POST /prairie/json · JSON · new_contact · lead 1003 · dlv_5e0c… · TEST LEAD
//
// What is unusual comes last: an attempt after the first, an answer that is not a
// success.
func (c *CRM) show(p Post, s summary, unreadable error, a Answer) {
	if c.state != nil {
		c.state.add(newPageLead(p, s, unreadable, a))
	}
	if c.opts.Out == nil {
		return
	}
	what := s.sentence()
	if unreadable != nil {
		what = "Not a lead: " + unreadable.Error()
	}
	facts := []string{
		"POST " + p.Path,
		s.format,
		p.Header.Get("webhook-trigger"),
		prefixed("lead ", s.leadID),
		p.Header.Get("webhook-id"),
		retried(p.Header.Get("webhook-attempt")),
		unusualAnswer(a),
	}
	if s.test {
		facts = append(facts, "TEST LEAD")
	}
	c.out.Lock()
	defer c.out.Unlock()
	_, _ = fmt.Fprintf(c.opts.Out, "%s  %s\n          %s\n", p.At.Format("15:04:05"), oneLine(what), oneLine(joined(facts, " · ")))
}

func (s summary) sentence() string {
	text := s.kind + " from " + cmp.Or(s.name, "somebody")
	if s.about != "" {
		text += ": " + s.about
	}
	return text
}

// joined joins the facts that are not empty.
func joined(facts []string, by string) string {
	var known []string
	for _, fact := range facts {
		if fact != "" {
			known = append(known, fact)
		}
	}
	return strings.Join(known, by)
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func retried(attempt string) string {
	if attempt == "1" {
		return ""
	}
	return prefixed("attempt ", attempt)
}

// unusualAnswer describes an answer, unless it is a prompt success.
func unusualAnswer(a Answer) string {
	switch {
	case a.Never:
		return "never answered"
	case !a.taken():
		return fmt.Sprintf("answered %d", a.status())
	case a.After >= time.Second:
		return "answered after " + brief(a.After)
	}
	return ""
}

// oneLine protects the terminal against texts of strangers: it replaces line breaks
// and control sequences, and truncates long lines.
func oneLine(text string) string {
	const longest = 240
	shown := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text))
	if len(shown) > longest {
		shown = append(shown[:longest-1], '…')
	}
	return string(shown)
}
