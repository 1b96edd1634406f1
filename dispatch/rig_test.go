package dispatch_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

func TestMain(m *testing.M) {
	if os.Getenv("LEADHOOK_BENCH_CRM") != "" {
		serveBenchCRM()
		return
	}
	goleak.VerifyTestMain(m)
}

// hooks are the webhooks of whatever advertiser is asked for.
type hooks []*lead.Webhook

func (h hooks) For(context.Context, string, time.Time) ([]*lead.Webhook, error) { return h, nil }

// hooksFunc is a look-up that a test writes itself.
type hooksFunc func(ctx context.Context, advertiser string) ([]*lead.Webhook, error)

func (f hooksFunc) For(ctx context.Context, advertiser string, _ time.Time) ([]*lead.Webhook, error) {
	return f(ctx, advertiser)
}

// letters keeps dead letters in memory, unless ctx has ended.
type letters struct {
	always bool // keep them nonetheless

	mu     sync.Mutex
	buried []*lead.DeadLetter // guarded by mu
	gone   bool               // guarded by mu: none can be written
}

// away has dead letters be away, or back.
func (l *letters) away(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = yes
}

func (l *letters) Bury(ctx context.Context, letter *lead.DeadLetter) error {
	if err := ctx.Err(); err != nil && !l.always {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return lead.ErrAway
	}
	l.buried = append(l.buried, letter)
	return nil
}

func (l *letters) all() []*lead.DeadLetter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*lead.DeadLetter(nil), l.buried...)
}

// A wheel keeps what is parked in memory, unless ctx has ended. A message of
// the topic "retry" is what was parked under its offset.
type wheel struct {
	mu     sync.Mutex
	parked []*lead.Waiting          // guarded by mu
	hops   int                      // guarded by mu
	back   func(n int, _ time.Time) // guarded by mu; nil: nobody brings back what is parked

	brought int             // guarded by mu; how many have been brought back
	putBack []*lead.Message // guarded by mu
}

// bring has f bring back what is parked, and what will be; nil ends it.
func (w *wheel) bring(f func(n int, due time.Time)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.back = f
	if f == nil {
		return
	}
	for ; w.brought < len(w.parked); w.brought++ {
		f(w.brought, w.parked[w.brought].NotBefore)
	}
}

func (w *wheel) Schedule(ctx context.Context, waiting *lead.Waiting) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parked = append(w.parked, waiting)
	if w.back != nil {
		w.back(len(w.parked)-1, waiting.NotBefore)
		w.brought++
	}
	return nil
}

func (w *wheel) Forward(ctx context.Context, waiting *lead.Waiting) error {
	w.mu.Lock()
	w.hops++
	w.mu.Unlock()
	return w.Schedule(ctx, waiting)
}

func (w *wheel) Read(m *lead.Message) *lead.Waiting {
	if m.Topic != "retry" {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := *w.parked[m.Offset]
	return &waiting
}

func (w *wheel) IsNewer(m *lead.Message) bool {
	return m.Topic == "retry" && m.Header("leadhook.format") == "2"
}

func (w *wheel) PutBack(ctx context.Context, m *lead.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.putBack = append(w.putBack, m)
	return ctx.Err()
}

// all are the deliveries that were parked, in order.
func (w *wheel) all() []*lead.Waiting {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.parked)
}

// record is the message that brings back what was parked as number n.
func (w *wheel) record(n int) *lead.Message { return &lead.Message{Topic: "retry", Offset: int64(n)} }

// A ledger keeps marks in memory. Most tests send one lead many times: it
// tells only where that is asked for.
type ledger struct {
	tells bool

	mu    sync.Mutex
	marks map[string]lead.Mark // guarded by mu
}

func (l *ledger) Reached(ctx context.Context, _, delivery string) (lead.Mark, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.tells {
		return 0, context.Cause(ctx)
	}
	return l.marks[delivery], context.Cause(ctx)
}

func (l *ledger) ReachedAll(ctx context.Context, leadID string, deliveries []string) ([]lead.Mark, error) {
	marks := make([]lead.Mark, len(deliveries))
	var err error
	for i, delivery := range deliveries {
		marks[i], err = l.Reached(ctx, leadID, delivery)
	}
	return marks, err
}

// Claim claims for this process alone: other instances are in claim_test.go.
func (l *ledger) Claim(ctx context.Context, leadID, delivery string, _ lead.Mark) (lead.Claim, error) {
	m, err := l.Reached(ctx, leadID, delivery)
	return lead.Claim{Reached: m}, err
}

func (l *ledger) Release(_, _ string, _ uint64) {}

func (l *ledger) Note(_, delivery string, m lead.Mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.marks == nil {
		l.marks = map[string]lead.Mark{}
	}
	l.marks[delivery] = max(l.marks[delivery], m)
}

// A standing keeps what is found out about webhooks in memory.
type standing struct {
	mu       sync.Mutex
	disabled map[string]lead.Disabled // guarded by mu, and so are the others; by webhook
	failing  map[string]lead.Failing
	last     map[string]lead.Failure
	doubts   map[string]int
	healed   []string
	away     bool          // nothing can be written
	slow     time.Duration // how long writing how it fails takes
}

var errAway = errors.New("Redis is away")

func newStanding() *standing {
	return &standing{disabled: map[string]lead.Disabled{}, failing: map[string]lead.Failing{}, last: map[string]lead.Failure{}, doubts: map[string]int{}}
}

func (s *standing) Disable(_ context.Context, hook *lead.Webhook, d lead.Disabled) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disabled[hook.ID] = d
	return true, nil
}

func (s *standing) NoteFailing(_ context.Context, hook *lead.Webhook, f lead.Failing, last lead.Failure) error {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing[hook.ID], s.last[hook.ID] = f, last
	return nil
}

func (s *standing) NoteRecovered(_ context.Context, hook *lead.Webhook) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return errAway
	}
	delete(s.failing, hook.ID)
	s.healed = append(s.healed, hook.ID)
	return nil
}

func (s *standing) NoteDoubt(_ context.Context, hook *lead.Webhook, deliveries int, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts[hook.ID] += deliveries
	return nil
}

// A rig is a Dispatcher with everything around it in sight. Unless the options
// have a schedule, nothing waits: what fails is dead.
type rig struct {
	*dispatch.Dispatcher
	letters  *letters
	wheel    *wheel
	ledger   *ledger
	standing *standing
	metrics  *prometheus.Registry
	logs     *observer.ObservedLogs
}

func newRig(t testing.TB, opts dispatch.Options, webhooks dispatch.Webhooks) *rig {
	t.Helper()
	marks := &ledger{}
	r := newRigWith(t, opts, webhooks, marks)
	r.ledger = marks
	return r
}

// newRigWith is newRig with another ledger.
func newRigWith(t testing.TB, opts dispatch.Options, webhooks dispatch.Webhooks, marks dispatch.Ledger) *rig {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	r := &rig{letters: &letters{}, wheel: &wheel{}, standing: newStanding(),
		metrics: prometheus.NewRegistry(), logs: logs}
	if opts.Schedule == nil {
		opts.Schedule = []time.Duration{}
	}
	r.Dispatcher = dispatch.New(opts, r.parts(webhooks, marks), r.metrics, zap.New(core))
	t.Cleanup(r.Close)
	return r
}

func (r *rig) parts(webhooks dispatch.Webhooks, marks dispatch.Ledger) dispatch.Parts {
	return dispatch.Parts{Webhooks: webhooks, HealthRecords: r.standing, Ledger: marks, RetryQueue: r.wheel, DeadLetters: r.letters}
}

// handle hands one message over and fails the test if it is not settled.
func (r *rig) handle(t testing.TB, m *lead.Message) {
	t.Helper()
	if err := r.Handle(t.Context(), m, func(int) {}); err != nil {
		t.Fatalf("got %v, want the message settled", err)
	}
}

// handleWith is handle with a ctx that ends.
func (r *rig) handleWith(t testing.TB, ctx context.Context, m *lead.Message) { //nolint:revive // t comes first in all helpers
	t.Helper()
	if err := r.Handle(ctx, m, func(int) {}); err != nil {
		t.Fatalf("got %v, want the message settled", err)
	}
}

// onlyLetter returns the one dead letter that there must be.
func (r *rig) onlyLetter(t testing.TB) *lead.DeadLetter {
	t.Helper()
	all := r.letters.all()
	if len(all) != 1 {
		t.Fatalf("got %d dead letters, want 1: %+v", len(all), all)
	}
	return all[0]
}

func (r *rig) wantDelivered(t testing.TB) {
	t.Helper()
	for _, letter := range r.letters.all() {
		t.Errorf("got a dead letter (%s: %s), want the lead delivered", letter.Reason, letter.Error)
	}
}

// count is the value of a counter, or how often a histogram observed.
func (r *rig) count(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(labels)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var values []string
			for _, pair := range metric.GetLabel() {
				values = append(values, pair.GetValue())
			}
			if family.GetName() == name && fmt.Sprint(values) == want {
				return metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

// gauge is the value of a gauge without labels.
func (r *rig) gauge(t testing.TB, name string) float64 {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// options allow a test to call the loopback interface at the port of a URL or
// address, and wait no longer than a test likes.
func options(addresses ...string) dispatch.Options {
	opts := dispatch.Options{
		QuickWait: time.Millisecond,
		Attempt: attempt.Options{
			Timeout: 5 * time.Second,
			Guard: attempt.GuardOptions{
				AllowHTTP:  true,
				AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			},
		},
	}
	for _, address := range addresses {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			address = u.Host
		}
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			panic(err)
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			panic(err)
		}
		opts.Attempt.Guard.AllowPorts = append(opts.Attempt.Guard.AllowPorts, n)
	}
	return opts
}

func webhook(id, url string) *lead.Webhook {
	return &lead.Webhook{
		ID: id, Advertiser: "USA_1", URL: url, Trigger: lead.NewContact,
		LeadTypes: lead.AllLeadTypes, Format: lead.JSON, Active: true,
	}
}

const call = `{"id":4711,"event_type":"call","call":{"caller_number":"3095550100"}}`

// numbered is a lead of its own for each number.
func numbered(n int) string { return fmt.Sprintf(`{"id":%d,"event_type":"call"}`, n+1) }

func message(body string) *lead.Message {
	return &lead.Message{
		Topic: "leads", Partition: 3, Offset: 42, Key: []byte("USA_1"), Time: time.Now().Add(-time.Minute),
		Value: []byte(`{"advertiser_id":"USA_1","trigger":"new_contact","lead":` + body + `}`),
	}
}

// a crm is an HTTP server that remembers what it was sent.
type crm struct {
	*httptest.Server
	mu    sync.Mutex
	posts []http.Header // guarded by mu
}

// newCRM starts a CRM that answers with f, which gets the number of the POST.
func newCRM(t testing.TB, f func(n int, w http.ResponseWriter, r *http.Request)) *crm {
	c := &crm{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.posts = append(c.posts, r.Header.Clone())
		n := len(c.posts)
		c.mu.Unlock()
		f(n, w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *crm) seen() []http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]http.Header(nil), c.posts...)
}

func answer(status int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// socket listens on the loopback interface, hands each connection to f, and
// closes it when f returns or the test ends.
func socket(t testing.TB, f func(ctx context.Context, conn net.Conn)) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(t.Context(), func() { _ = conn.Close() })()
				f(t.Context(), conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
	})
	return listener.Addr().String()
}

// readPost reads one request with its body off a connection.
func readPost(in *bufio.Reader) error {
	r, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err
}

// quiet is for servers whose complaints are what a test wants.
var quiet = log.New(io.Discard, "", 0)

func pool(certificates ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certificates {
		p.AddCert(c)
	}
	return p
}
