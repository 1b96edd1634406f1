package devstack

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
)

// CRMOptions say where the sample CRM listens, where it shows its leads, how
// it answers and how much it remembers.
type CRMOptions struct {
	Listen string // host:port; empty: a free port of 127.0.0.1

	// Out gets some lines about each lead: who, about what, for which path.
	// It is written to by one goroutine at a time. Nil: nothing is shown.
	Out io.Writer

	// Answer decides how a POST is answered; it is called by many goroutines
	// at once. Nil: 204 for a lead, 400 for a body that is none.
	Answer func(Post) Answer

	// Page serves a page at / that shows the newest leads as they come, and
	// from which, or over HTTP, the answers of each path can be changed. What
	// was ordered so goes before Answer.
	Page bool

	KeepPosts  int // newest POSTs kept whole for [CRM.Posts]; zero: none
	KeepCounts int // deliveries counted for [CRM.Counts]; zero: none
}

// An Answer is what the CRM replies with. The zero value is a plain 204.
type Answer struct {
	Status int           // zero: 204
	Header http.Header   // more headers, such as Retry-After; nil: none
	Body   string        // empty: none
	After  time.Duration // waited before anything is sent
	Never  bool          // nothing is sent, until the client gives up or the CRM is closed
}

// CRM is the sample CRM: a server that takes leads as JSON or ADF on any path
// and shows each in a way that a person can read. It is an [http.Handler]
// too, for a server of the caller's own, such as one with TLS.
type CRM struct {
	opts   CRMOptions
	addr   string
	server *http.Server
	served sync.WaitGroup
	closed context.CancelFunc // ends every wait of an Answer

	out    sync.Mutex // guards opts.Out
	memory memory

	board       *board // nil without a page
	streams     atomic.Int32
	crossOrigin http.CrossOriginProtection
}

// bodyLimit is more than any event may be that Kafka's defaults let through.
const bodyLimit = 8 << 20

// StartCRM starts a sample CRM, which serves when it returns. A port that is
// taken is an error that names the address and the setting dev.crm_listen.
func StartCRM(opts CRMOptions) (*CRM, error) {
	listen := listenAddr(opts.Listen)
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, cannotListen("sample CRM", "dev.crm_listen", listen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &CRM{opts: opts, addr: advertised(listen, ln.Addr().String()), closed: cancel}
	c.memory.keepPosts, c.memory.keepCounts = opts.KeepPosts, opts.KeepCounts
	if opts.Page {
		c.board = newBoard()
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

// Addr is where clients find the CRM, host:port.
func (c *CRM) Addr() string { return c.addr }

// URL is Addr as a webhook's URL starts: http://host:port.
func (c *CRM) URL() string { return "http://" + c.addr }

// Close ends the CRM. Answers under way have a second to go out; those that
// wait, because their Answer said so, are cut. It may be called twice.
func (c *CRM) Close() {
	c.closed()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := c.server.Shutdown(ctx); err != nil {
		_ = c.server.Close()
	}
	c.served.Wait()
}

// ServeHTTP takes one POST, which is a lead whatever its path, or serves the
// page.
func (c *CRM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		c.take(w, r)
	case c.board != nil:
		c.servePage(w, r)
	default:
		wantsPOST(w)
	}
}

func (c *CRM) take(w http.ResponseWriter, r *http.Request) {
	post, err := readPost(w, r)
	if err != nil {
		c.refuse(w, post, err)
		return
	}
	seen, unreadable := read(post)
	answer := c.decide(post, unreadable)
	c.show(post, seen, unreadable, answer)
	c.memory.got(post) // what is known to have come is shown already
	c.answer(w, r, post, answer)
}

// decide says how a POST is answered: as its path was told, as the options
// say, or as usual.
func (c *CRM) decide(post Post, unreadable error) Answer {
	if c.board != nil {
		path, _ := post.target()
		if order := c.board.order(path); !order.healthy() {
			return order.answer
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

// refuse answers a request whose body could not be read to its end.
func (c *CRM) refuse(w http.ResponseWriter, post Post, err error) {
	status := http.StatusBadRequest
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		status = http.StatusRequestEntityTooLarge
	}
	c.show(post, summary{}, err, Answer{Status: status})
	http.Error(w, err.Error(), status)
}

func (c *CRM) answer(w http.ResponseWriter, r *http.Request, post Post, a Answer) {
	if !wait(r.Context(), a) {
		panic(http.ErrAbortHandler) // no answer at all: net/http drops the connection, silently
	}
	maps.Copy(w.Header(), a.Header)
	if a.taken() {
		c.memory.took(post)
	}
	w.WriteHeader(a.status())
	_, _ = io.WriteString(w, a.Body)
}

// wait says whether the answer is to be sent at all.
func wait(ctx context.Context, a Answer) bool {
	if a.Never {
		<-ctx.Done()
		return false
	}
	return a.After <= 0 || sleep(ctx, a.After)
}

// sleep says whether ctx goes on after that time.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (a Answer) status() int {
	if a.Status == 0 {
		return http.StatusNoContent
	}
	return a.Status
}

func (a Answer) taken() bool { return a.status()/100 == 2 }

// brief is the answer in a few words: 429, Retry-After 30.
func (a Answer) brief() string {
	if a.Never {
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
