package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// hushed is a lead with "hush" in everything that is personal.
const hushed = `{"advertiser_id":%q,"trigger":"new_contact","lead":{"id":%d,"event_type":"form","display_name":"Hushy O'Hush",
	"notes":"hush, calls only <b>after</b> five","contact":{"first_name":"Hushy","last_name":"O'Hush","email":"hush+me@example.net",
	"phone_mobile":"+1 (309) 555-0188","address1":"14 Hush & Sons Court"},
	"form":{"message":"Ist der hush-grüne noch da?","extra_fields":{"nickname":"hushling","wish":"hush hush"}}}}`

// hushedNumber is how the phone number may stand somewhere.
var hushedNumber = []string{"3095550188", "555-0188", "555 0188"}

// echoes starts a CRM that sends back all that it got, wherever it can and in several
// spellings: the first segment of the path is the status.
func echoes(t *testing.T) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := r.Header.Get("Authorization") + " " + r.Header.Get("X-Key") + " " + r.RequestURI + " " + string(body)
		quoted, _ := json.Marshal(got)
		quotedTwice, _ := json.Marshal(string(quoted))
		folded := strings.ReplaceAll(got, " ", "\r\n ")
		line := strings.NewReplacer("\r", "", "\n", "").Replace(string(body))
		said := "The field postal is required: " + strings.Join([]string{
			r.Header.Get("Authorization"), strings.ToUpper(got), url.QueryEscape(got), html.EscapeString(got), string(quoted), string(quotedTwice), folded,
		}, "\n") + strings.Repeat(" end", 100)
		if r.URL.Query().Has("first") { // what else is kept is at the beginning
			said = strings.TrimPrefix(said, "The field postal is required: ")
		}
		conn, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		status := strings.Split(r.URL.Path, "/")[1]
		fmt.Fprintf(out, "HTTP/1.1 %s %s\r\nLocation: /Hushy/%s?%s\r\nX-Echo: %s\r\n%sContent-Length: %d\r\n\r\n%s",
			status, line, url.PathEscape(line), url.QueryEscape(got), line, map[string]string{"503": "Retry-After: 3600\r\n"}[status], len(said), said)
		_ = out.Flush()
		_, _ = bufio.NewReader(conn).ReadByte() // until the other side has it all
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

// TestWhatACRMEchoesIsShownNowhere looks for the lead and the secrets in all that is kept and
// shown of deliveries that failed.
func TestWhatACRMEchoesIsShownNowhere(t *testing.T) {
	t.Parallel()
	addr := echoes(t)
	r := newRig(t, setup{crm: addr, environ: []string{"LEADHOOK_LOG_LEVEL=debug"}})
	advertiser := r.name("USA_1")
	var hooks []hook
	for _, path := range []string{"503", "400", "302", "302/first"} {
		h := r.hook(strings.ReplaceAll(path, "/", "-"), advertiser)
		h.URL = "http://" + addr + "/" + strings.TrimSuffix(path, "/first") + "/hush-path-71Qzw?key=hush-query-00417&" + strings.TrimPrefix(path, "302/")
		h.Auth, h.Headers = "Bearer hush.Tok3n-4711/xy==", map[string]string{"X-Key": "hush key $1"}
		h.Secrets = []string{"whsec_aHVzaGh1c2hodXNoaHVzaGh1c2hodXNo"}
		hooks = append(hooks, h)
	}
	r.seed(hooks...)
	const id = 4711
	r.publish(strings.ReplaceAll(fmt.Sprintf(hushed, advertiser, id), "\n", ""))
	i := r.run()
	lines := func(args ...string) int {
		return strings.Count(r.leadhook("", append(args, "--output", "json")...).out, "\n")
	}
	r.until("three are dead and one waits", func() bool { return lines("dlq", "list") == 3 && lines("retries", "list") == 1 })

	addrOf := i.admin()
	_, metrics := get(t, "http://"+addrOf+"/metrics")
	all := map[string]string{"log": i.log.String(), "metrics": metrics}
	for _, topic := range append(r.topics(), r.topic+".dlq") {
		for _, m := range r.records(topic) {
			for _, h := range m.Headers {
				all["header "+h.Key+" in "+topic] += string(h.Value) + "\n"
			}
		}
	}
	for _, args := range []string{
		"dlq list --output wide", "dlq list --output json", "dlq stats", "dlq show " + deliveryID(advertiser, strconv.Itoa(id), "new_contact", hooks[1].ID),
		"dlq show " + deliveryID(advertiser, strconv.Itoa(id), "new_contact", hooks[2].ID), "retries list --output wide", "retries list --output json", "retries stats",
		"webhooks list --failing --output json", "webhooks list --output wide",
		"webhooks show " + hooks[0].ID, "webhooks show " + hooks[2].ID + " --output json",
	} {
		all[args] = r.must("", strings.Fields(args)...)
	}
	for where, text := range all {
		for _, spelled := range []string{text, html.UnescapeString(text), strings.ReplaceAll(text, "%20", " ")} {
			if lower := strings.ToLower(spelled); strings.Contains(lower, "hush") || containsAny(lower, hushedNumber...) {
				t.Errorf("%s shows what nobody must see:\n%s", where, text)
				break
			}
		}
	}
	for where, want := range map[string]string{
		"dlq list --output wide": "The field postal is required", "retries list --output wide": "The field postal is required",
		"retries list --output json": `"host":"` + addr + `"`, "retries stats": hooks[0].ID, "webhooks show " + hooks[0].ID: "The field postal is required",
		"dlq show " + deliveryID(advertiser, strconv.Itoa(id), "new_contact", hooks[2].ID): "location",
	} {
		if !strings.Contains(all[where], want) {
			t.Errorf("%s lacks %q:\n%s", where, want, all[where])
		}
	}
	for args, want := range map[string]int{
		"dlq list --host " + addr: 3, "dlq list --host elsewhere": 0, "dlq list --lead 4711": 3, "dlq list --lead 4712": 0,
		"dlq list --grep POSTAL --status 400": 1, "retries list --lead 4711": 1, "retries list --lead 1": 0,
		"retries list --grep postal --status 503": 1, "retries list --webhook " + hooks[1].ID: 0,
	} {
		if got := lines(strings.Fields(args)...); got != want {
			t.Errorf("%s: got %d, want %d", args, got, want)
		}
	}
}
