//go:build browser

package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A tab is a page in a browser of its own. At its end the test fails if the
// page wrote to the console, threw anything, or asked anybody but its own
// server.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string

	mu       sync.Mutex
	requests []string // guarded by mu
	console  []string // guarded by mu
}

// chromium is the browser: headless and small if Debian's is there.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "headless-shell", "chromium", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium here: apt-get install chromium-headless-shell")
	return ""
}

// openTab opens a page as a phone or a desktop would.
func openTab(t *testing.T, url string, width int64) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)),
		chromedp.NoSandbox, // it does not work for root, nor in most containers; the page is our own
		// Nothing but loopback is ever looked up.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	deadline, stop := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(stop)
	browser, end := chromedp.NewExecAllocator(deadline, options...)
	t.Cleanup(end)
	ctx, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	p := &tab{t: t, ctx: ctx, url: url}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.check)
	p.do(chromedp.EmulateViewport(width, 700, chromedp.EmulateMobile), chromedp.Navigate(url))
	return p
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventConsoleAPICalled:
		p.console = append(p.console, fmt.Sprint("console.", e.Type))
	case *runtime.EventExceptionThrown:
		p.console = append(p.console, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		p.console = append(p.console, e.Entry.Text)
	}
}

func (p *tab) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.console {
		p.t.Errorf("on the console: %s", line)
	}
	own := 0
	for _, request := range p.requests {
		switch {
		case strings.HasPrefix(request, p.url+"/"):
			own++
		case request != "data:,": // the icon
			p.t.Errorf("a request to elsewhere: %s", request)
		}
	}
	if own < 4 { // page, style, script, stream
		p.t.Errorf("the browser told of %d requests, want those of the page at least: %v", own, p.requests)
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// until waits until a JavaScript expression is true.
func (p *tab) until(expression string) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(20*time.Second)))
	if err != nil {
		p.t.Fatalf("%s: %v; the page shows:\n%s", expression, err, eval[string](p, "document.body.innerText"))
	}
}

func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// shows waits until the first element that a CSS selector finds has this text.
func (p *tab) shows(selector, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("document.querySelector(%s)?.textContent === %s", quoted(selector), quoted(text)))
}

// quoted is a text as JavaScript writes it.
func quoted(text string) string {
	literal, _ := json.Marshal(text)
	return string(literal)
}
