//go:build browser

package browser_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/internal/samplecrm"
)

// Widths of windows, in CSS pixels.
const (
	phone   = 375
	desktop = 1280
)

func startCRM(t *testing.T) *samplecrm.CRM {
	t.Helper()
	crm, err := samplecrm.Start(samplecrm.Options{Listen: realstack.FreeAddr(t), Page: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(crm.Close)
	return crm
}

// contact is a lead's contact, as JSON.
type contact struct {
	First string `json:"first_name"`
	Email string `json:"email"`
	Phone string `json:"phone_mobile"`
}

// post sends a form of a contact and returns the status of the answer.
func post(t *testing.T, url string, c contact) int {
	t.Helper()
	body, err := json.Marshal(map[string]any{"lead": map[string]any{"id": 1, "event_type": "form", "contact": c}})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer not-a-real-token")
	req.Header.Set("webhook-trigger", "new_contact")
	req.Header.Set("webhook-attempt", "2")
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestALeadAppearsLive(t *testing.T) {
	t.Parallel()
	crm := startCRM(t)
	p := openTab(t, crm.URL(), phone)
	p.shows("#state", "connected, 0 leads")
	p.do(chromedp.Evaluate[chromedp.Void]("window.loadedOnce = true; undefined"))

	post(t, crm.URL()+"/prairie?token=hush", contact{First: "Maria", Email: "maria@example.com", Phone: "+13095550100"})
	p.shows("#state", "connected, 1 lead")
	for field, want := range map[string]string{
		"kind": "Web form", "name": "Maria", "phone": "+13095550100", "email": "maria@example.com", "path": "/prairie",
		"trigger": "new_contact", "format": "JSON", "attempt": "2", "lead_id": "1", "answer": "204",
	} {
		p.shows("#leads [data-field="+field+"]", want)
	}
	post(t, crm.URL()+"/prairie", contact{First: "Jo"})
	p.shows("#leads [data-field=name]", "Jo") // the newest is on top
	if !eval[bool](p, "window.loadedOnce === true") {
		t.Error("the page was loaded anew")
	}

	p.do(chromedp.Click(chromedp.CSS("#leads li:last-child summary")))
	p.until(`document.querySelector("#leads li:last-child pre").textContent.includes('"first_name":"Maria"')`)
	if shown := eval[string](p, "document.documentElement.outerHTML"); strings.Contains(shown, "not-a-real") || strings.Contains(shown, "hush") {
		t.Error("the page shows the Authorization or the query")
	}
}

func TestHostileLeadsAreText(t *testing.T) {
	t.Parallel()
	crm := startCRM(t)
	p := openTab(t, crm.URL(), phone)
	script := `<img src="http://elsewhere.example.com/x" onerror="document.title='taken'"><script>document.title='taken'</script>`
	long := strings.Repeat("W", 300)
	turned := "\u202egnp.exe \u2067שלום"
	for _, name := range []string{script, long, turned} {
		post(t, crm.URL()+"/"+strings.Repeat("p", 300), contact{First: name, Email: name, Phone: name})
		p.shows("#leads [data-field=name]", name)
		p.shows("#leads [data-field=email]", name)
	}
	p.do(chromedp.Click(chromedp.CSS("#leads li:last-child summary")))
	p.until(`document.querySelector("#leads li:last-child pre").textContent.includes("onerror")`)
	if n := eval[int](p, "document.querySelectorAll('main img, main script').length"); n != 0 {
		t.Errorf("%d elements came out of a lead", n)
	}
	if title := eval[string](p, "document.title"); title != "Sample CRM" {
		t.Errorf("the title is %q: a lead's script ran", title)
	}
	fits(t, p, phone)
}

// fits says whether all of the page can be read without scrolling sideways.
// With PAGE_SCREENSHOTS, a directory, it leaves a picture there.
func fits(t *testing.T, p *tab, width int) {
	t.Helper()
	if wide := eval[int](p, "document.documentElement.scrollWidth"); wide > width {
		t.Errorf("the page is %d pixels wide on a screen of %d", wide, width)
	}
	if dir := os.Getenv("PAGE_SCREENSHOTS"); dir != "" {
		image, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+t.Name()+".png", image, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// button is the button of a webhook for an answer, as JavaScript finds it.
func button(path, answer string) string {
	return "[...document.querySelectorAll(" + quoted("[aria-label='Answer of "+path+"'] button") + ")].find((b) => b.textContent === " + quoted(answer) + ")"
}

func TestAnswersChangeByClicking(t *testing.T) {
	t.Parallel()
	crm := startCRM(t)
	p := openTab(t, crm.URL(), phone)
	hook := crm.URL() + "/prairie"
	if status := post(t, hook, contact{}); status != 204 {
		t.Fatalf("answered %d, want 204", status)
	}
	post(t, crm.URL()+"/other", contact{})
	row := "#answers [aria-label='Answer of /prairie'] "
	press := func(choice, shown string, want int) {
		t.Helper()
		p.do(chromedp.Click(chromedp.JSPath(button("/prairie", choice))))
		p.shows(row+"[aria-pressed=true]", choice)
		p.until("[...document.querySelectorAll('#answers li')].some((row) => row.innerText.includes('/prairie') && row.querySelector('output').textContent === " + quoted(shown) + ")")
		if status := post(t, hook, contact{}); status != want {
			t.Errorf("after pressing %s it is answered %d, want %d", choice, status, want)
		}
	}
	press("500", "500", 500)
	p.shows("#leads [data-field=answer]", "500")
	press("429", "429 30s", 429)
	p.shows("#leads [data-field=answer]", "429, Retry-After 30")
	if status := post(t, crm.URL()+"/other", contact{}); status != 204 {
		t.Errorf("the other webhook is answered %d, want 204 as before", status)
	}
	press("healthy", "healthy", 204)
	fits(t, p, phone)
}

func TestThePageComesBackWithItsCRM(t *testing.T) {
	t.Parallel()
	crm := startCRM(t)
	p := openTab(t, crm.URL(), desktop)
	post(t, crm.URL()+"/prairie", contact{First: "Maria"})
	p.shows("#leads [data-field=name]", "Maria")
	again, err := restart(crm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	p.shows("#state", "connected, 0 leads")
	post(t, again.URL()+"/prairie", contact{First: "Jo"})
	p.shows("#leads [data-field=name]", "Jo")
	if n := eval[int](p, "document.querySelectorAll('#leads > li').length"); n != 1 {
		t.Errorf("it shows %d leads, want the one of the new CRM", n)
	}
	fits(t, p, desktop)
}

func restart(crm *samplecrm.CRM) (*samplecrm.CRM, error) {
	crm.Close()
	return samplecrm.Start(samplecrm.Options{Listen: crm.Addr(), Page: true})
}

func TestThePageKeepsTheNewest(t *testing.T) {
	t.Parallel()
	crm := startCRM(t)
	p := openTab(t, crm.URL(), phone)
	for n := range 350 {
		post(t, crm.URL()+"/prairie", contact{First: fmt.Sprint("Customer ", n)})
	}
	p.shows("#state", "connected, 350 leads")
	p.shows("#leads li:first-child [data-field=name]", "Customer 349")
	p.shows("#leads li:last-child [data-field=name]", "Customer 50")
	if n := eval[int](p, "document.querySelectorAll('#leads > li').length"); n != 300 {
		t.Errorf("it shows %d leads, want the newest 300", n)
	}
}
