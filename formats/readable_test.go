package formats_test

import (
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

func TestHTMLAsText(t *testing.T) {
	for given, want := range map[string]string{
		`<p>Hello</p><p>Is it <b>still</b> there?</p>`:                                                                     "Hello\nIs it still there?",
		"<p>Hello,\r\n  I am\r\n\tPat</p>\r\n\r\n<p>Bye</p>":                                                               "Hello, I am Pat\nBye",
		`<div>a<br>b<br/>c<BR />d<br><br>e</div>`:                                                                          "a\nb\nc\nd\n\ne",
		"Line one<br>\nLine two<br />Line three\nLine four":                                                                "Line one\nLine two\nLine three\nLine four",
		"Hi,\n\nI <strong>really</strong> want it.\n":                                                                      "Hi,\n\nI really want it.",
		`<table><tr><th>Name</th><td>Pat</td></tr><tr><td>Phone:</td><td>1</td></table>`:                                   "Name Pat\nPhone: 1",
		`<ul><li>one</li><li>two</ul>end`:                                                                                  "- one\n- two\nend",
		`<html><head><title>x</title><style>p{}</style></head><body>text<script>if (a<b) {"</p>"}</script>.</body></html>`: "text.",
		`<p style="a > b" class='x>y'>text</p>`:                                                                            "text",
		`<!DOCTYPE html><!-- <p>hidden</p> --><?xml version="1.0"?><P>text</P>`:                                            "text",
		`<p>a<o:p></o:p></p>`: "a",
		`See <a href="https://example.com/?a=1&amp;b=2">this</a>.`:                               "See this (https://example.com/?a=1&b=2).",
		`<a href="https://example.com/a">https://example.com/a</a>`:                              "https://example.com/a",
		`<a href="mailto:pat@example.com">pat@example.com</a> <a name=x>y</a>`:                   "pat@example.com y",
		`<a ȺȺȺȺȺȺ href="https://x.example.com">y</a> <a İKſ HREF="https://z.example.com">w</a>`: "y (https://x.example.com) w (https://z.example.com)",
		`<p>a <img src="x.gif" alt="a red car"> b</p>`:                                           "a a red car b",
		`Tom &amp; Jerry &lt;3 &#39;cats&#x27; &quot;dogs&quot; &eacute;&nbsp;!`:                 "Tom & Jerry <3 'cats' \"dogs\" é\u00a0!",
		`&amp;lt;b&amp;gt; is escaped twice`:                                                     "&lt;b&gt; is escaped twice",
		`<p>&lt;b&gt; is no tag</p>`:                                                             "<b> is no tag",
		"<p>a&#0;b&#1;c&#13;d&#xD800;</p>":                                                       "a\ufffdbc d\ufffd",
		`<style>p{} text without an end <p>a</p>`:                                                "p{} text without an end\na",
		`<p>a</p><!-- text without an end <p>b</p>`:                                              "a\n<!-- text without an end\nb",

		// what is no HTML stays
		`a < b and b > c`: `a < b and b > c`, `if a<b and c>d`: `if a<b and c>d`, `i<3 you`: `i<3 you`, `<b`: `<b`, `</b`: `</b`,
		`<pat@example.com>`: `<pat@example.com>`, `<https://example.com/a>`: `<https://example.com/a>`, `Pat <the customer>`: `Pat <the customer>`,
		`<unknown>x</unknown>`: `<unknown>x</unknown>`, `<>`: `<>`, `< p >`: `< p >`, `<!-- x -->`: `<!-- x -->`, `<?x?>`: `<?x?>`,
		`AT&T`: `AT&T`, `a & b; c`: `a & b; c`, `https://example.com/?a=1&copy=2&reg=3&lt=4`: `https://example.com/?a=1&copy=2&reg=3&lt=4`,
		`&;`: `&;`, `&#;`: `&#;`, `&unknown;`: `&unknown;`, `&`: `&`,
	} {
		got := commentsOf(t, `"event_type":"call","notes":`+asJSON(given))
		if _, got, _ = strings.Cut(got, "\nNotes: "); got != want {
			t.Errorf("%s: got %q, want %q", given, got, want)
		}
	}
}

// In HTML too, an address in angle brackets is an address.
func TestWhatIsNotHTMLStaysInHTML(t *testing.T) {
	got := commentsOf(t, `"event_type":"form","form":{"full_message":"<p>From: Pat <pat@example.com><br>a <- b</p>"}`)
	if want := "Full message: From: Pat <pat@example.com>\na <- b"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end with %q", got, want)
	}
}

func TestTheSameMessageAsHTMLIsShownOnce(t *testing.T) {
	got := commentsOf(t, `"event_type":"form","form":{"message":"Hello\nPat & Sam","full_message":"<div>Hello<br>Pat &amp; Sam</div>"}`)
	if strings.Contains(got, "Full message") {
		t.Errorf("got %q, want the message once", got)
	}
}

// HTML that is made to be slow to read is read as fast as any other.
func TestHostileHTML(t *testing.T) {
	const size = 1 << 20
	for _, part := range []string{
		"<", "<a ", "<a '", `<a "<a '`, "<style>", "</style", "<!--", "<!", "<?", "&", "&#", "&lt", "<p>", "<br>", "</p ", "<a href=''>", "<a href='http://a'>",
		"<li>", "<td>", "<p>a ", " <b> ", "<style></", "<img alt='a'>",
	} {
		ev := decode(t, inLead(`"event_type":"call","notes":`+asJSON("<p>"+strings.Repeat(part, size/len(part)))))
		began := time.Now()
		formats.Render(ev, &lead.Webhook{Format: lead.ADF}, provider)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%q again and again: took %v for 1 MiB, want a fraction of a second", part, took)
		}
	}
}
