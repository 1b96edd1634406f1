package scrub_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/scrub"
)

// each writes a text character by character.
func each(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, format, r)
		}
		return b.String()
	}
}

// between puts a text between the characters of another one.
func between(separator string) func(string) string {
	return func(s string) string { return strings.Join(strings.Split(s, ""), separator) }
}

func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

func inQuotedPrintable(s string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.Repeat(".", 70) + " " + s))
	_ = w.Close()
	return b.String()
}

// in base64 of JSON that has the text, without as many bytes at the beginning.
func inBase64(without int) func(string) string {
	return func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(`{"echo":"` + s + `"}`)[without:])
	}
}

func misread(as *charmap.Charmap) func(string) string {
	return func(s string) string {
		wrong, _ := as.NewDecoder().String(s)
		return wrong
	}
}

// shifted writes digits in another script, which begins with its zero.
func shifted(zero rune) func(string) string {
	return func(s string) string {
		return strings.Map(func(r rune) rune {
			if '0' <= r && r <= '9' {
				return r - '0' + zero
			}
			return r
		}, s)
	}
}

// TestHostileEchoes has a CRM that sends back the lead in every way that it can think of.
func TestHostileEchoes(t *testing.T) {
	const first, last, mail, phone, street, message, token = "Şule", "Großmann", "sule.grossmann@example.net", "+1 309-555-0188", "14 Elm Court", "is the blue one still there", "kx7Qz01mPw9"
	s := scrub.New(fmt.Appendf(nil, `{"contact":{"first_name":%q,"last_name":%q,"email":%q,"phone_home":%q,"address1":%q},"form":{"message":%q}}`, first, last, mail, phone, street, message),
		&lead.Webhook{Authorization: lead.Secret("Bearer " + token)})
	for name, spell := range map[string]func(string) string{
		"percent":               percent,
		"percent twice":         func(v string) string { return url.QueryEscape(percent(v)) },
		"percent of JavaScript": each("%%u%04X"),
		"decimal":               each("&#%d;"),
		"decimal, no semicolon": each("&#%d"),
		"hexadecimal":           each("&#x%x;"),
		"hexadecimal, zeros":    each("&#x%020X;"),
		"HTML twice":            func(v string) string { return html.EscapeString(each("&#%d;")(v)) },
		"names":                 func(v string) string { return strings.NewReplacer("ß", "&szlig", "ü", "&uuml").Replace(v) },
		"JSON":                  each(`\u%04x`),
		"JSON twice":            each(`\\u%04x`),
		"JavaScript":            each(`\u{%x}`),
		"base64":                inBase64(0),
		"part of base64":        inBase64(1),
		"another part":          inBase64(5),
		"base64 twice":          func(v string) string { return inBase64(2)(inBase64(0)(v)) },
		"base64 for URLs":       func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte("echo of " + v)) },
		"base64 in a URL":       func(v string) string { return url.QueryEscape(inBase64(0)(v)) },
		"base64 in a path":      func(v string) string { return "/" + base64.RawURLEncoding.EncodeToString([]byte("echo of "+v)) + "/x" },
		"base64 of PHP":         func(v string) string { return strings.ReplaceAll(inBase64(1)(v), "/", `\/`) },
		"found in HTML": func(v string) string {
			return v[:len(v)-2] + `<em class="hit">` + v[len(v)-2:len(v)-1] + "</em>" + v[len(v)-1:]
		},
		"base64 on lines":      func(v string) string { return between("\r\n")(inBase64(0)(v)) },
		"hex":                  func(v string) string { return hex.EncodeToString([]byte("echo " + v)) },
		"upper hex":            func(v string) string { return "0x" + strings.ToUpper(hex.EncodeToString([]byte("echo "+v))) },
		"quoted-printable":     inQuotedPrintable,
		"all quoted":           func(v string) string { return strings.ReplaceAll(percent(v), "%", "=") },
		"zero width":           between("\u200b"),
		"joiners":              between("\u2060"),
		"soft hyphens":         between("\u00ad"),
		"right to left":        between("\u200f"),
		"enclosed":             between("\u20dd"),
		"selectors":            between("\ufe0f"),
		"zeros":                between("\x00"),
		"NFD":                  norm.NFD.String,
		"NFKD":                 norm.NFKD.String,
		"upper":                strings.ToUpper,
		"capital sharp s":      func(v string) string { return strings.ReplaceAll(v, "ß", "ẞ") },
		"no accents":           func(v string) string { return strings.NewReplacer("Ş", "S", "ß", "ss").Replace(v) },
		"read as Latin-1":      misread(charmap.ISO8859_1),
		"read as Windows-1252": misread(charmap.Windows1252),
		"fullwidth digits":     shifted('０'),
		"Arabic digits":        shifted('٠'),
		"Persian digits":       shifted('۰'),
		"Devanagari digits":    shifted('०'),
		"mathematical digits":  shifted('𝟎'),
		"no-break blanks":      func(v string) string { return strings.ReplaceAll(v, " ", "\u00a0") },
	} {
		for _, value := range []string{first, last, mail, phone, street, message, token} {
			echo := spell(value)
			if strings.HasSuffix(name, "digits") && value != phone {
				continue
			}
			said := sentence + ": [" + echo + "]"
			got := s.Excerpt([]byte(said), true)
			rest, ok := strings.CutPrefix(got, sentence)
			if !ok || len(strings.Trim(rest, ` :[]."*%3D/x`)) > 4 {
				t.Errorf("%s: %q became %q", name, said, got)
			}
		}
	}
	for said, want := range map[string]string{
		"Großmann, Şule":                            "***, ***",
		"user SULE.GROSSMANN is known":              "user *** is known",
		"call 3,0,9,5,5,5,0,1,8,8 or 309|555|01-88": "call 3,0,9,*** or 309|***",
		"call 1/309/5550188 or 5·5·5·0·1·8·8":       "call *** or ***",
		"order=%53ule, AT&TSule":                    "order=***, AT&TSule",
	} {
		if got := s.Excerpt([]byte(said), true); got != want {
			t.Errorf("%q:\n got %q\nwant %q", said, got, want)
		}
	}
}
