package attempt_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// TestRecordedAnswersAreJudgedAsThoseThatComeIn has answers come in at once and piece by piece,
// and judges what was recorded of them.
func TestRecordedAnswersAreJudgedAsThoseThatComeIn(t *testing.T) {
	const failure = `{"success": false, "error": "no such form"}`
	packed := func(text string, writer func(io.Writer) io.WriteCloser) string {
		var b bytes.Buffer
		w := writer(&b)
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		return b.String()
	}
	gzipped := func(text string) string {
		return packed(text, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	}
	zlibbed := func(text string) string {
		return packed(text, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	}
	deflated := func(text string) string {
		return packed(text, func(w io.Writer) io.WriteCloser {
			packer, _ := flate.NewWriter(w, flate.BestCompression)
			return packer
		})
	}
	fault := `<?xml version="1.0"?><!-- ` + strings.Repeat("-", 900) + ` --><s:Envelope><s:Body><s:Fault/></s:Body></s:Envelope>`
	moment := "<html><head>" + strings.Repeat(" ", 3000) + "<title>Just a moment...</title>"
	far := strings.Repeat("of no interest ", 200)
	long := far + strings.Repeat(far, 25)
	moved := &lead.Answers{Delivered: []string{"302"}, Body: []lead.AnswerRule{{Contains: "no such form", Then: "refused"}}}
	body := &lead.Answers{Body: []lead.AnswerRule{{Contains: "no such form", Then: "refused"}}}
	statuses := &lead.Answers{Refused: []string{"204"}}
	const taken, doubtful, refused, challenge = "delivered", "delivered with doubt", "refused", "a bot challenge of Cloudflare"
	for name, c := range map[string]struct {
		status  int
		header  string
		body    string
		chunked bool
		rules   *lead.Answers
		want    string // of the verdict, or in the words
	}{
		"plain":                             {200, "", failure, false, nil, doubtful},
		"a byte order mark":                 {200, "", "\xef\xbb\xbf" + failure, false, nil, doubtful},
		"chunked":                           {200, "", failure, true, nil, doubtful},
		"to the end of the connection":      {200, "Connection: close\r\n", failure, false, nil, doubtful},
		"gzip":                              {200, "Content-Encoding: gzip\r\n", gzipped(failure), false, nil, doubtful},
		"gzip, chunked":                     {200, "Content-Encoding: gzip\r\n", gzipped(failure), true, nil, doubtful},
		"x-gzip":                            {200, "Content-Encoding: X-GZip\r\n", gzipped(failure), false, nil, doubtful},
		"gzip that is not said":             {200, "", gzipped(failure), false, nil, doubtful},
		"gzip that is none":                 {200, "Content-Encoding: gzip\r\n", failure, false, nil, doubtful},
		"an empty Content-Encoding before":  {200, "Content-Encoding:\r\nContent-Encoding: deflate\r\n", zlibbed(failure), false, nil, doubtful},
		"deflate":                           {200, "Content-Encoding: deflate\r\n", zlibbed(failure), false, nil, doubtful},
		"deflate without zlib, chunked":     {200, "Content-Encoding: deflate\r\n", deflated(failure), true, nil, doubtful},
		"a fault behind its namespaces":     {200, "", fault, false, nil, doubtful},
		"the same, packed":                  {200, "", gzipped(fault), true, nil, doubtful},
		"behind the warnings of PHP":        {200, "", "<br /><b>Warning</b>: " + strings.Repeat("x", 900) + failure, true, nil, doubtful},
		"a challenge":                       {202, "X-Amzn-Waf-Action: challenge\r\n", "", false, nil, doubtful},
		"no failure":                        {200, "", `{"success": true}`, true, nil, taken},
		"far behind":                        {200, "", `{"note": "` + far + `", "success": false}`, true, nil, taken},
		"far behind, packed":                {200, "", gzipped(`{"note": "` + far + `", "success": false}`), true, nil, taken},
		"a body that cannot be":             {204, "", failure, false, nil, taken},
		"rules for statuses":                {200, "", failure, true, statuses, doubtful},
		"rules for statuses, which decide":  {204, "", "", false, statuses, refused},
		"rules for the body":                {200, "", failure, true, body, refused},
		"rules for the body, packed":        {200, "", gzipped(failure), true, body, refused},
		"rules for a body that is too long": {200, "", long + failure, false, body, taken},
		"rules for the body, of a 302":      {302, "", strings.Repeat(far, 5) + failure, true, moved, refused},
		"who answers instead":               {403, "", moment, false, nil, challenge},
		"who answers instead, packed":       {403, "Content-Encoding: deflate\r\n", deflated(moment), true, nil, challenge},
		"who answers instead, far behind":   {403, "", far + far + moment, true, nil, "check the authorization"},
		"Retry-After":                       {503, "Retry-After:\r\nRetry-After: 20.5\r\n", "busy", true, nil, "Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf("HTTP/1.1 %d %s\r\n%s", c.status, http.StatusText(c.status), c.header)
			switch {
			case c.chunked:
				text += "Transfer-Encoding: chunked\r\n\r\n" + chunked(c.body)
			case strings.Contains(c.header, "Connection: close"):
				text += "\r\n" + c.body
			default:
				text += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(c.body), c.body)
			}
			judged, seen := recorded(t, c.rules, text)
			got := judged.Verdict.String()
			if judged.Doubt {
				got += " with doubt"
			}
			if got != c.want && (c.want == taken || c.want == doubtful || c.want == refused || !strings.Contains(judged.Text, c.want)) {
				t.Errorf("recorded: got %s, %q; want %s", got, judged.Text, c.want)
			}
			for _, piece := range []int{len(text), 1 + len(text)/2000} {
				came, observed, sawHead := coming(t, c.rules, text, piece)
				observed.Took, came.Took = 0, 0
				if diff := cmp.Diff(judged, observed); diff != "" {
					t.Errorf("in pieces of %d bytes (-recorded +observed):\n%s", piece, diff)
				}
				if !bytes.Equal(seen.Head, sawHead) {
					t.Errorf("in pieces of %d bytes: the beginning is shown as %.40q, and of what was recorded as %.40q", piece, sawHead, seen.Head)
				}
				if judged.Verdict == attempt.Delivered {
					observed.Kept = attempt.Kept{} // nothing needs it
				}
				if diff := cmp.Diff(observed, came); diff != "" {
					t.Errorf("in pieces of %d bytes (-observed +done):\n%s", piece, diff)
				}
			}
		})
	}
}

// TestRulesForStatusesCostNoBody has an answer of 60 KiB. Rules that look at no body keep as
// little of it as none.
func TestRulesForStatusesCostNoBody(t *testing.T) {
	page := strings.Repeat("of no interest ", 4<<10)
	client := attempt.NewClient(attempt.Options{Network: roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, Body: io.NopCloser(strings.NewReader(page))}, nil
	})})
	defer client.Close()
	allocates := func(rules *lead.Answers) float64 {
		hook := &lead.Webhook{URL: "https://crm.example.com", Answers: rules}
		return testing.AllocsPerRun(100, func() { post(t, client, hook) })
	}
	none, some := allocates(nil), allocates(&lead.Answers{Refused: []string{"204"}})
	if some > none+1 { // a buffer that grows is allocated anew
		t.Errorf("an attempt allocates %v times with rules for statuses, and %v times without rules", some, none)
	}
}

func chunked(body string) string {
	var b strings.Builder
	w := httputil.NewChunkedWriter(&b)
	for chunk := range slices.Chunk([]byte(body), 40) {
		_, _ = w.Write(chunk)
	}
	_ = w.Close() // without the end of the trailer
	return b.String() + "\r\n"
}

// recorded judges a recorded answer to a webhook with such rules.
func recorded(t *testing.T, rules *lead.Answers, text string) (attempt.Outcome, *attempt.Observation) {
	t.Helper()
	client := attempt.NewClient(attempt.Options{})
	defer client.Close()
	target, err := client.Target(&lead.Webhook{URL: "https://crm.example.com", Answers: rules})
	if err != nil {
		t.Fatal(err)
	}
	o, seen, err := (&attempt.Request{Target: target}).Judge([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o, seen
}

// coming has the same answer come in, in pieces of so many bytes, to an attempt and to one that
// is observed.
func coming(t *testing.T, rules *lead.Answers, text string, piece int) (done, observed attempt.Outcome, head []byte) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for r, err := http.ReadRequest(in); err == nil; r, err = http.ReadRequest(in) {
					_, _ = io.Copy(io.Discard, r.Body)
					for part := range slices.Chunk([]byte(text), piece) {
						_, _ = conn.Write(part)
					}
					if strings.Contains(text, "Connection: close") {
						return
					}
				}
			})
		}
	})
	at := netip.MustParseAddrPort(listener.Addr().String())
	client := attempt.NewClient(attempt.Options{Guard: attempt.GuardOptions{
		AllowHTTP: true, AllowCIDRs: []netip.Prefix{netip.PrefixFrom(at.Addr(), 32)}, AllowPorts: []int{int(at.Port())},
	}})
	defer func() { client.Close(); _ = listener.Close(); serving.Wait() }()
	target, err := client.Target(&lead.Webhook{URL: "http://" + at.String(), Answers: rules})
	if err != nil {
		t.Fatal(err)
	}
	request := func() *attempt.Request {
		return &attempt.Request{Target: target, DeliveryID: "d", Number: 1, Time: time.Now(), Body: [][]byte{[]byte("lead")}}
	}
	done = client.Do(request())
	observed, seen := client.Observe(t.Context(), request())
	return done, observed, seen.Head
}

// TestDoubtInWhatComesLate: what is not there a second after the header is not waited for, and
// not seen.
func TestDoubtInWhatComesLate(t *testing.T) {
	for after, doubt := range map[time.Duration]bool{0: true, 900 * time.Millisecond: true, 1100 * time.Millisecond: false} {
		synctest.Test(t, func(t *testing.T) {
			client := attempt.NewClient(attempt.Options{Network: roundTrip(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, Body: io.NopCloser(&lateBody{r.Context(), after, strings.NewReader(`{"success": false}`)})}, nil
			})})
			defer client.Close()
			o := post(t, client, &lead.Webhook{URL: "https://crm.example.com"})
			if o.Verdict != attempt.Delivered || o.Doubt != doubt {
				t.Errorf("after %v: got %v, doubt %v, want it delivered, doubt %v", after, o.Verdict, o.Doubt, doubt)
			}
		})
	}
}

// A lateBody comes after a while, unless its request ends before.
type lateBody struct {
	request context.Context
	after   time.Duration
	body    io.Reader
}

func (b *lateBody) Read(p []byte) (int, error) {
	select {
	case <-time.After(b.after):
		b.after = 0
		return b.body.Read(p)
	case <-b.request.Done():
		return 0, context.Cause(b.request)
	}
}
