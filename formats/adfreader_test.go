package formats_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"

	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

// What is here reads ADF back without knowing how it was written: a tree from
// encoding/xml, and the order that ADF 1.0 demands.

// A node is one element.
type node struct {
	name  string
	attrs map[string]string
	text  string
	kids  []*node
}

// at follows a path like "customer/contact/name[part=first]" and returns the
// texts of all elements that it reaches.
func (n *node) at(path string) []string {
	step, rest, more := strings.Cut(path, "/")
	name, cond, _ := strings.Cut(strings.TrimSuffix(step, "]"), "[")
	attr, value, _ := strings.Cut(cond, "=")
	var texts []string
	for _, kid := range n.kids {
		switch {
		case kid.name != name || cond != "" && kid.attrs[attr] != value:
		case more:
			texts = append(texts, kid.at(rest)...)
		default:
			texts = append(texts, kid.text)
		}
	}
	return texts
}

// parseADF reads a body, and says what is wrong with it as XML or as ADF. The
// node is the prospect.
func parseADF(body []byte) (*node, error) {
	if at := bytes.IndexFunc(body, notPlain); at >= 0 {
		return nil, fmt.Errorf("byte %d is %q, want printable ASCII, tabs and newlines", at, body[at])
	}
	const head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?adf version=\"1.0\"?>\n<adf>"
	if !bytes.HasPrefix(body, []byte(head)) || bytes.Contains(body, []byte("<![CDATA[")) {
		return nil, fmt.Errorf("got %.120q, want it to begin with %q and to have no CDATA", body, head)
	}
	root := &node{}
	dec := xml.NewDecoder(bytes.NewReader(body))
	open := []*node{root}
	for {
		token, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			open, err = grow(open, token)
		}
		if err != nil {
			return nil, fmt.Errorf("before byte %d: %w", dec.InputOffset(), err)
		}
	}
	if len(open) != 1 || len(root.kids) != 1 || root.kids[0].name != "adf" || len(root.kids[0].kids) != 1 {
		return nil, errors.New("want one element adf with one prospect")
	}
	return root.kids[0].kids[0], root.kids[0].check()
}

func notPlain(r rune) bool { return r != '\n' && r != '\t' && (r < ' ' || r > 0x7F) }

// grow takes the next token into the tree; open are the elements around it.
func grow(open []*node, token xml.Token) ([]*node, error) {
	parent := open[len(open)-1]
	switch tok := token.(type) {
	case xml.StartElement:
		n := &node{name: tok.Name.Local, attrs: map[string]string{}}
		for _, a := range tok.Attr {
			n.attrs[a.Name.Local] = a.Value
			if a.Name.Space != "" || a.Name.Local == "xmlns" {
				return nil, fmt.Errorf("%s has the namespace attribute %v", n.name, a.Name)
			}
		}
		if tok.Name.Space != "" {
			return nil, fmt.Errorf("%s has a namespace", n.name)
		}
		parent.kids = append(parent.kids, n)
		return append(open, n), nil
	case xml.EndElement:
		if tok.Name.Local != parent.name {
			return nil, fmt.Errorf("%s ends where %s is open", tok.Name.Local, parent.name)
		}
		return open[:len(open)-1], nil
	case xml.CharData:
		parent.text += string(tok)
	case xml.ProcInst:
		if tok.Target != "xml" && tok.Target != "adf" {
			return nil, fmt.Errorf("processing instruction %s", tok.Target)
		}
	default:
		return nil, fmt.Errorf("a %T, want elements and text only", token)
	}
	return open, nil
}

// content says which children an element must have, and in which order; an
// element that is not here has text alone.
var content = map[string]*regexp.Regexp{
	"adf":      regexp.MustCompile(`^prospect $`),
	"prospect": regexp.MustCompile(`^id requestdate (vehicle ){1,2}customer vendor provider $`),
	"vehicle":  regexp.MustCompile(`^year make model (vin )?(stock )?(trim )?$`),
	"customer": regexp.MustCompile(`^contact (id )?comments $`),
	"vendor":   regexp.MustCompile(`^id vendorname (url )?contact $`),
	"provider": regexp.MustCompile(`^name (service )?$`),
	"contact":  regexp.MustCompile(`^(name ){1,2}(email |(email )?(phone )+)(address )?$`),
	"address":  regexp.MustCompile(`^street (street )?(city )?(regioncode )?(postalcode )?(country )?$`),
}

// attributes says which attributes an element may have, and their values.
var attributes = map[string]*regexp.Regexp{
	"prospect status":  regexp.MustCompile(`^new$`),
	"vehicle interest": regexp.MustCompile(`^(buy|trade-in)$`),
	"vehicle status":   regexp.MustCompile(`^(new|used)$`),
	"id sequence":      regexp.MustCompile(`^1$`),
	"id source":        regexp.MustCompile(``),
	"name part":        regexp.MustCompile(`^(first|last|full)$`),
	"name type":        regexp.MustCompile(`^(business|individual)$`),
	"phone type":       regexp.MustCompile(`^(voice|fax|cellphone)$`),
	"phone time":       regexp.MustCompile(`^nopreference$`),
	"street line":      regexp.MustCompile(`^[12]$`),
}

var adfDate = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$`)

// check compares an element and all within with content and attributes.
func (n *node) check() error {
	for name, value := range n.attrs {
		allowed := attributes[n.name+" "+name]
		if allowed == nil || !allowed.MatchString(value) {
			return fmt.Errorf("%s has the attribute %s=%q", n.name, name, value)
		}
	}
	var kids strings.Builder
	for _, kid := range n.kids {
		kids.WriteString(kid.name + " ")
		if err := kid.check(); err != nil {
			return err
		}
	}
	model, hasKids := content[n.name]
	switch {
	case hasKids && !model.MatchString(kids.String()):
		return fmt.Errorf("%s has the children %q, want %s", n.name, kids.String(), model)
	case !hasKids && len(n.kids) > 0:
		return fmt.Errorf("%s has the children %q, want text", n.name, kids.String())
	case hasKids && strings.TrimSpace(n.text) != "":
		return fmt.Errorf("%s has the text %q, want elements", n.name, n.text)
	}
	if n.name == "contact" {
		return n.checkPhones()
	}
	return n.checkText()
}

// checkPhones compares the numbers of a contact that have no extension: each must be there
// once, whatever is between its digits and before the last ten.
func (n *node) checkPhones() error {
	seen := map[string]bool{}
	for _, number := range n.kids {
		if number.name != "phone" || strings.ContainsFunc(number.text, unicode.IsLetter) || strings.Contains(number.text, "#") {
			continue
		}
		digits := []rune(strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, number.text))
		key := string(digits[max(0, len(digits)-10):])
		if seen[key] {
			return fmt.Errorf("the phone %q is there twice", number.text)
		}
		seen[key] = true
	}
	return nil
}

func (n *node) checkText() error {
	const mostComments = 16 << 10
	mayBeEmpty := []string{"phone", "street"}
	switch {
	case content[n.name] != nil:
	case n.name == "requestdate" && !adfDate.MatchString(n.text):
		return fmt.Errorf("requestdate is %q", n.text)
	case strings.TrimSpace(n.text) != n.text:
		return fmt.Errorf("%s has blanks around its text %q", n.name, n.text)
	case n.text == "" && !slices.Contains(mayBeEmpty, n.name):
		return fmt.Errorf("%s is empty", n.name)
	case n.name == "comments" && len(n.text) > mostComments:
		return fmt.Errorf("comments have %d bytes", len(n.text))
	case n.name == "id" && n.attrs["sequence"]+n.attrs["source"] == "":
		return errors.New("id has neither sequence nor source")
	}
	return nil
}

const provider = "leadhook"

// adfOf renders an event as ADF for a webhook with no names of its own, and
// reads it back.
func adfOf(t *testing.T, event string) *node {
	t.Helper()
	return render(t, decode(t, event), &lead.Webhook{Format: lead.ADF})
}

func render(t *testing.T, ev *lead.Event, hook *lead.Webhook) *node {
	t.Helper()
	body := formats.Render(ev, hook, provider)
	keep(t, body.Bytes())
	prospect, err := parseADF(body.Bytes())
	if err != nil {
		t.Fatalf("lead %s: %v\n%s", ev.LeadID, err, body.Bytes())
	}
	return prospect
}

func decode(t *testing.T, event string) *lead.Event {
	t.Helper()
	ev, err := lead.Decode([]byte(event))
	if err != nil {
		t.Fatalf("event %.300s: %v", event, err)
	}
	return ev
}

var kept atomic.Int64

// keep writes a rendered ADF into the directory LEADHOOK_ADF_OUT, if that is
// set, for xmllint to compare with the DTD.
func keep(t *testing.T, body []byte) {
	t.Helper()
	dir := os.Getenv("LEADHOOK_ADF_OUT")
	if dir == "" {
		return
	}
	name := strings.Map(fileSafe, t.Name())
	path := filepath.Join(dir, fmt.Sprintf("%.60s-%04d.xml", name, kept.Add(1)))
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
}

func fileSafe(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}
