package samplecrm

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

// The page, and the requests of the page and of the command `leadhook dev crm`:
//
//	GET /                 the page
//	GET /-/leads          server-sent events: new leads and changed answer modes
//	GET /-/leads/17       a request as it arrived
//	GET /-/answers        the answer mode of each path, as JSON
//	PUT /-/answers/PATH   sets it, in the form of ParseAnswerMode
//
//go:embed page
var files embed.FS

var pageFiles = map[string]string{
	"/": "page/index.html", "/-/page.css": "page/page.css", "/-/page.js": "page/page.js",
}

// AnswersPath is the path of the answer modes. In a PUT, the webhook's path follows.
const AnswersPath = "/-/answers"

// servePage serves the page and its requests. It refuses requests on behalf of
// other sites, which could otherwise read leads or change answer modes through the
// browser of the person at this machine. Against a site that points a name of its
// own at this address (DNS rebinding), it accepts only Hosts that no site can have.
// Against a PUT from another site's page, it checks the request's origin.
func (c *CRM) servePage(w http.ResponseWriter, r *http.Request) {
	if !c.isOwnHost(r.Host) {
		http.Error(w, "This host name is not allowed: open "+c.URL()+" or another address of this machine.", http.StatusMisdirectedRequest)
		return
	}
	if err := c.crossOrigin.Check(r); err != nil {
		http.Error(w, "Requests of other sites are not allowed.", http.StatusForbidden)
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
		c.setAnswer(w, r, webhook)
	case r.Method != http.MethodGet:
		wantsPOST(w)
	case pageFiles[path] != "":
		servePageFile(w, r, pageFiles[path])
	case path == "/-/leads":
		c.stream(w, r)
	case isLead:
		c.serveRequest(w, number)
	case path == AnswersPath:
		writeJSON(w, c.state.answers())
	default:
		wantsPOST(w)
	}
}

func wantsPOST(w http.ResponseWriter) {
	w.Header().Set("Allow", http.MethodPost)
	http.Error(w, "This is leadhook's sample CRM: POST leads to it, on any path.", http.StatusMethodNotAllowed)
}

// isOwnHost reports whether host is one that no other site can have: an address, or
// a name that always stands for this machine.
func (c *CRM) isOwnHost(host string) bool {
	host = strings.ToLower(hostOf(host))
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return host == "localhost" || host == strings.ToLower(hostOf(c.opts.Listen))
}

// hostOf returns the host of host:port, or of host alone.
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

func (c *CRM) setAnswer(w http.ResponseWriter, r *http.Request, path string) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 256))
	if err != nil {
		http.Error(w, errAnswerMode.Error(), http.StatusBadRequest)
		return
	}
	mode, err := ParseAnswerMode(string(text))
	if err == nil {
		err = c.state.setMode(path, mode)
	}
	switch {
	case errors.Is(err, errFull):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		writeJSON(w, PathAnswer{Path: path, Answer: mode.String()})
	}
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // fails only if the client is gone
}

func (c *CRM) serveRequest(w http.ResponseWriter, number string) {
	n, err := strconv.ParseInt(number, 10, 64)
	request := c.state.request(n)
	if err != nil || request == nil {
		http.Error(w, fmt.Sprintf("This lead is no longer kept: only the newest %d are.", keptLeads), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(request)
}
