package samplecrm

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadhook/leadhook/internal/listen"
	"github.com/leadhook/leadhook/internal/wait"
)

// Options configure where the sample CRM listens, where it shows its leads, how
// it answers, and how much it keeps.
type Options struct {
	Listen string // host:port; empty: a free port of 127.0.0.1

	// Out receives two lines about each lead. Only one goroutine writes to it at
	// a time. If it is nil, nothing is written.
	Out io.Writer

	// Answer decides how a POST is answered. It is called concurrently. If it is
	// nil, the answer is 204 to a lead, and 400 to a body that is not a lead.
	Answer func(Post) Answer

	// Page serves a page at / that shows the newest leads as they come. There, or
	// over HTTP, the answer mode of each path can be set, which takes precedence
	// over Answer.
	Page bool

	KeepPosts  int // the number of newest POSTs kept for [CRM.Posts]
	KeepCounts int // the number of deliveries counted for [CRM.Counts]
}

// An Answer is the CRM's response. The zero value is a plain 204.
type Answer struct {
	Status int           // zero stands for 204
	Header http.Header   // further headers, such as Retry-After; may be nil
	Body   string        // may be empty
	After  time.Duration // the delay before anything is sent
	Never  bool          // send nothing until the client gives up or the CRM is closed
	Closes bool          // close the connection in place of an answer
	Stored *bool         // whether the lead counts as taken; nil: with a 2xx
}

// A CRM is the sample CRM: a server that accepts leads as JSON or ADF on any path
// and shows each to a person. It is also an [http.Handler], for a server of the
// caller's own, such as one with TLS.
type CRM struct {
	opts   Options
	addr   string
	server *http.Server
	served sync.WaitGroup
	closed context.CancelFunc // ends every wait of an Answer

	out   sync.Mutex // guards opts.Out
	posts postLog

	state       *pageState // nil without a page
	streams     atomic.Int32
	crossOrigin http.CrossOriginProtection
}

// bodyLimit is larger than any event that Kafka's defaults allow.
const bodyLimit = 8 << 20

// Start starts a sample CRM, which serves when Start returns. If the port is in
// use, the error names the address and the setting dev.crm_listen.
func Start(opts Options) (*CRM, error) {
	addr := listen.Addr(opts.Listen)
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, listen.Refused("sample CRM", "dev.crm_listen", addr, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &CRM{opts: opts, addr: listen.Bound(addr, ln.Addr().String()), closed: cancel}
	c.posts.keepPosts, c.posts.keepCounts = opts.KeepPosts, opts.KeepCounts
	if opts.Page {
		c.state = newPageState()
	}
	c.server = &http.Server{
		Handler:           c,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	c.served.Go(func() { _ = c.server.Serve(ln) }) // ends with ErrServerClosed, by Close
	return c, nil
}

// Addr returns the host:port at which clients find the CRM.
func (c *CRM) Addr() string { return c.addr }

// URL returns http:// and Addr, the beginning of a webhook's URL.
func (c *CRM) URL() string { return "http://" + c.addr }

// Close ends the CRM. Answers that are being sent have a second; delayed ones are
// never sent. It may be called twice.
func (c *CRM) Close() {
	c.closed()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := c.server.Shutdown(ctx); err != nil {
		_ = c.server.Close()
	}
	c.served.Wait()
}

// ServeHTTP accepts a POST, which is a lead whatever its path, or serves the page.
func (c *CRM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		c.receive(w, r)
	case c.state != nil:
		c.servePage(w, r)
	default:
		wantsPOST(w)
	}
}

func (c *CRM) receive(w http.ResponseWriter, r *http.Request) {
	post, err := readPost(w, r)
	if err != nil {
		c.refuse(w, post, err)
		return
	}
	seen, unreadable := summarize(post)
	answer := c.decide(post, unreadable)
	c.show(post, seen, unreadable, answer)
	c.posts.received(post) // after show, so that a POST in Posts is always shown
	c.send(w, r, post, answer)
}

// decide returns the answer to a POST: by the mode of its path, by the options, or
// the usual one.
func (c *CRM) decide(post Post, unreadable error) Answer {
	if c.state != nil {
		path, _ := post.target()
		if mode := c.state.mode(path); !mode.healthy() {
			return mode.For(post)
		}
	}
	switch {
	case c.opts.Answer != nil:
		return c.opts.Answer(post)
	case unreadable != nil:
		return Answer{Status: http.StatusBadRequest, Body: unreadable.Error() + "\n"}
	}
	return Answer{}
}

func readPost(w http.ResponseWriter, r *http.Request) (Post, error) {
	post := Post{At: time.Now(), Path: r.RequestURI, Header: r.Header}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	post.Body = body
	return post, err
}

// refuse answers a request whose body cannot be read to its end.
func (c *CRM) refuse(w http.ResponseWriter, post Post, err error) {
	status := http.StatusBadRequest
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		status = http.StatusRequestEntityTooLarge
	}
	c.show(post, summary{}, err, Answer{Status: status})
	http.Error(w, err.Error(), status)
}

// send sends an answer, after its delay.
func (c *CRM) send(w http.ResponseWriter, r *http.Request, post Post, a Answer) {
	if !delay(r.Context(), a) || a.Closes {
		panic(http.ErrAbortHandler) // net/http closes the connection and logs nothing
	}
	maps.Copy(w.Header(), a.Header)
	if a.taken() {
		c.posts.accepted(post)
	}
	w.WriteHeader(a.status())
	_, _ = io.WriteString(w, a.Body)
}

// delay blocks until the answer is to be sent, and reports whether it is.
func delay(ctx context.Context, a Answer) bool {
	if a.Never {
		<-ctx.Done()
		return false
	}
	return a.After <= 0 || wait.For(ctx, a.After)
}

func (a Answer) status() int {
	if a.Status == 0 {
		return http.StatusNoContent
	}
	return a.Status
}

func (a Answer) taken() bool {
	if a.Stored != nil {
		return *a.Stored
	}
	return a.status()/100 == 2 && !a.Closes
}

// brief returns the answer in a few words: 429, Retry-After 30.
func (a Answer) brief() string {
	if a.Never || a.Closes {
		return "none"
	}
	text := strconv.Itoa(a.status())
	if pause := a.Header.Get("Retry-After"); pause != "" {
		text += ", Retry-After " + pause
	}
	if a.After >= time.Second {
		text += " after " + brief(a.After)
	}
	return text
}
