package devstack

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// The page, and what it and the command `leadhook dev crm` are served by:
//
//	GET /                 the page
//	GET /-/leads          server-sent events: what is new on the board
//	GET /-/leads/17       a request as it came
//	GET /-/answers        how each path answers, as JSON
//	PUT /-/answers/PATH   how it is to answer, as ParseOrder takes it
//
//go:embed page
var files embed.FS

var pageFiles = map[string]string{
	"/": "page/index.html", "/-/page.css": "page/page.css", "/-/page.js": "page/page.js",
}

// AnswersPath is where the answers are; a PUT has the webhook's path after it.
const AnswersPath = "/-/answers"

// servePage serves all of it. Another site's page must not get in, which could
// otherwise read the leads or change the answers by way of the browser of
// whoever works here. It may have pointed a name of its own at this address
// (DNS rebinding): such a name is not ours. And it cannot make a browser send
// a PUT that says it comes from here.
func (c *CRM) servePage(w http.ResponseWriter, r *http.Request) {
	if !c.ours(r.Host) {
		http.Error(w, "Not for this name: open "+c.URL()+" or another address of this machine.", http.StatusMisdirectedRequest)
		return
	}
	if err := c.crossOrigin.Check(r); err != nil {
		http.Error(w, "Not for a page of another site.", http.StatusForbidden)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	w.Header().Set("Cache-Control", "no-store")
	path, _, _ := strings.Cut(r.RequestURI, "?")
	webhook, isAnswer := strings.CutPrefix(path, AnswersPath)
	number, isLead := strings.CutPrefix(path, "/-/leads/")
	switch {
	case isAnswer && webhook != "" && r.Method == http.MethodPut:
		c.takeOrder(w, r, webhook)
	case r.Method != http.MethodGet:
		wantsPOST(w)
	case pageFiles[path] != "":
		servePageFile(w, r, pageFiles[path])
	case path == "/-/leads":
		c.stream(w, r)
	case isLead:
		c.serveRequest(w, number)
	case path == AnswersPath:
		writeJSON(w, c.board.answers())
	default:
		wantsPOST(w)
	}
}

func wantsPOST(w http.ResponseWriter) {
	w.Header().Set("Allow", http.MethodPost)
	http.Error(w, "This is leadhook's sample CRM: it takes leads by POST, on any path.", http.StatusMethodNotAllowed)
}

// ours says whether a Host is one that no other site can have: an address, or
// a name that always means this machine.
func (c *CRM) ours(host string) bool {
	host = strings.ToLower(hostOf(host))
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return host == "localhost" || host == strings.ToLower(hostOf(c.opts.Listen))
}

// hostOf is host:port, or host alone, without the port.
func hostOf(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i]
	}
	return host
}

func servePageFile(w http.ResponseWriter, r *http.Request, name string) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
		"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.ServeFileFS(w, r, files, name)
}

func (c *CRM) takeOrder(w http.ResponseWriter, r *http.Request, path string) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 256))
	if err != nil {
		http.Error(w, errOrder.Error(), http.StatusBadRequest)
		return
	}
	order, err := ParseOrder(string(text))
	if err == nil {
		err = c.board.tell(path, order)
	}
	switch {
	case errors.Is(err, errFull):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		writeJSON(w, PathAnswer{Path: path, Answer: order.String()})
	}
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the client has gone
}

func (c *CRM) serveRequest(w http.ResponseWriter, number string) {
	n, err := strconv.ParseInt(number, 10, 64)
	request := c.board.request(n)
	if err != nil || request == nil {
		http.Error(w, fmt.Sprintf("This lead is not kept: only the newest %d are.", keptLeads), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(request)
}
