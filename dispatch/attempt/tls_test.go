package attempt_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// A signer is a certificate, its key, and the certificates that it is sent with.
type signer struct {
	certificate *x509.Certificate
	key         crypto.Signer
	chain       [][]byte
}

var ecKey = func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// sign makes a certificate that by vouches for; nil: itself. Edit changes it before.
func sign(t *testing.T, by *signer, name string, newKey func() (crypto.Signer, error), edit func(*x509.Certificate)) *signer {
	t.Helper()
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	if edit != nil {
		edit(template)
	}
	parent := &signer{certificate: template, key: key}
	if by != nil {
		parent = by
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.certificate, key.Public(), parent.key)
	if err != nil {
		t.Fatal(err)
	}
	s := &signer{key: key, chain: [][]byte{der}}
	if s.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return s
}

// with returns the signer with further certificates in its chain.
func (s *signer) with(others ...*signer) *signer {
	more := *s
	for _, o := range others {
		more.chain = append(slices.Clone(more.chain), o.certificate.Raw)
	}
	return &more
}

func (s *signer) pair() tls.Certificate {
	return tls.Certificate{Certificate: s.chain, PrivateKey: s.key}
}

// certificates returns the chain as PEM, and pem that with the key.
func (s *signer) certificates() string {
	var b strings.Builder
	for _, der := range s.chain {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return b.String()
}

func (s *signer) pem(t *testing.T) lead.Secret {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return lead.Secret(s.certificates() + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

func poolOf(signers ...*signer) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, s := range signers {
		pool.AddCert(s.certificate)
	}
	return pool
}

// clientFor returns a client that may call 127.0.0.1 on all ports.
func clientFor(t *testing.T, address string, opts attempt.Options) *attempt.Client {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	var number int
	if _, err := fmt.Sscan(port, &number); err != nil {
		t.Fatal(err)
	}
	opts.Guard = attempt.GuardOptions{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowPorts: []int{number}}
	client := attempt.NewClient(opts)
	t.Cleanup(client.Close)
	return client
}

func post(t *testing.T, client *attempt.Client, hook *lead.Webhook) attempt.Outcome {
	t.Helper()
	target, err := client.Target(hook)
	if err != nil {
		t.Fatal(err)
	}
	return client.Do(&attempt.Request{Target: target, DeliveryID: "d", Number: 1, Time: time.Now(), Body: [][]byte{[]byte("lead")}})
}

// TestFaultsOfTLS has a server for each fault, met by a client that knows nothing of it,
// by one that knows it to speak HTTP/2 since it did before, and through a proxy.
func TestFaultsOfTLS(t *testing.T) {
	rsaKey := func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }
	root := sign(t, nil, "Some Root", ecKey, nil)
	between := sign(t, root, "Some Intermediate", ecKey, nil)
	leaf := sign(t, between, "crm", ecKey, nil)
	good := leaf.with(between)
	past := func(c *x509.Certificate) {
		c.NotAfter = time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
		c.NotBefore = c.NotAfter.AddDate(-1, 0, 0)
	}
	future := func(c *x509.Certificate) {
		c.NotBefore = time.Date(2199, 2, 3, 4, 5, 6, 0, time.UTC)
		c.NotAfter = c.NotBefore.AddDate(1, 0, 0)
	}
	names := func(c *x509.Certificate) {
		c.IPAddresses, c.DNSNames = nil, []string{"a.example", "b.example", "c.example", "d.example"}
	}
	stranger := sign(t, nil, "Private Authority", ecKey, nil)
	oldBetween := sign(t, root, "Old Intermediate", ecKey, past)
	client := sign(t, root, "a client", ecKey, nil)
	unknown := sign(t, stranger, "another client", ecKey, nil)
	serving := func(s *signer) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{s.pair()}} }
	legacy := &tls.Config{
		Certificates: []tls.Certificate{sign(t, root, "crm", rsaKey, nil).pair()}, MaxVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
	}
	asking := func(version uint16) *tls.Config {
		config := serving(good)
		config.MaxVersion, config.ClientAuth, config.ClientCAs = version, tls.RequireAndVerifyClientCert, poolOf(root)
		return config
	}
	wishing := serving(good)
	wishing.ClientAuth = tls.RequestClientCert
	for _, c := range []struct {
		name   string
		server *tls.Config
		hook   lead.Webhook
		text   string // empty: delivered
	}{
		{"good", serving(good), lead.Webhook{}, ""},
		{"incomplete", serving(leaf), lead.Webhook{},
			`signed by an unknown authority: its chain is incomplete, as the CRM does not send the certificate of "Some Intermediate", which signed that of "crm"`},
		{"incomplete, with ca", serving(leaf), lead.Webhook{CA: between.certificates()}, ""},
		{"wrong name", serving(sign(t, root, "crm", ecKey, names)), lead.Webhook{}, "certificate is not for 127.0.0.1 but for a.example, b.example, c.example and 1 more"},
		{"no name", serving(sign(t, root, "crm", ecKey, func(c *x509.Certificate) { c.IPAddresses = nil })), lead.Webhook{}, "but for no name at all"},
		{"expired", serving(sign(t, root, "crm", ecKey, past)), lead.Webhook{}, "certificate expired on 2020-02-03"},
		{"not yet valid", serving(sign(t, root, "crm", ecKey, future)), lead.Webhook{}, "certificate is not valid before 2199-02-03"},
		{"expired above", serving(sign(t, oldBetween, "crm", ecKey, nil).with(oldBetween)), lead.Webhook{},
			`certificate of "Old Intermediate", which vouches for that of 127.0.0.1`},
		{"unknown authority", serving(sign(t, stranger, "crm", ecKey, nil).with(stranger)), lead.Webhook{},
			`is signed by an unknown authority, "Private Authority": put its certificate into the webhook's ca`},
		{"with its authority", serving(sign(t, stranger, "crm", ecKey, nil).with(stranger)), lead.Webhook{CA: stranger.certificates()}, ""},
		{"beside the others", serving(good), lead.Webhook{CA: stranger.certificates()}, ""},
		{"self-signed", serving(sign(t, nil, "crm", ecKey, nil)), lead.Webhook{}, "is self-signed"},
		{"old TLS", &tls.Config{Certificates: serving(good).Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, lead.Webhook{}, "does not speak TLS 1.2 or 1.3"},
		{"old key exchange", legacy, lead.Webhook{}, "needs legacy_tls: true"},
		{"old key exchange, with legacy_tls", legacy, lead.Webhook{LegacyTLS: true}, ""},
		{"certificate wished for", wishing, lead.Webhook{}, ""},
		{"certificate wanted, TLS 1.2", asking(tls.VersionTLS12), lead.Webhook{}, "client_cert"},
		{"certificate wanted, TLS 1.3", asking(tls.VersionTLS13), lead.Webhook{}, "give the webhook one that the CRM knows, as client_cert"},
		{"certificate given, TLS 1.2", asking(tls.VersionTLS12), lead.Webhook{ClientCert: client.pem(t)}, ""},
		{"certificate given, TLS 1.3", asking(tls.VersionTLS13), lead.Webhook{ClientCert: client.pem(t)}, ""},
		{"certificate refused, TLS 1.2", asking(tls.VersionTLS12), lead.Webhook{ClientCert: unknown.pem(t)}, "does not take the webhook's client certificate"},
		{"certificate refused, TLS 1.3", asking(tls.VersionTLS13), lead.Webhook{ClientCert: unknown.pem(t)}, "does not take the webhook's client certificate"},
	} {
		for _, way := range []string{"at first", "HTTP/2 before", "through a proxy", "awaiting HTTP/2"} {
			t.Run(c.name+", "+way, func(t *testing.T) {
				var now atomic.Pointer[tls.Config]
				before := serving(good)
				before.SessionTicketsDisabled = true // a resumed session would hide the fault
				now.Store(before)
				crm := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
				crm.Config.ErrorLog, crm.EnableHTTP2 = log.New(io.Discard, "", 0), true
				crm.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
					config := now.Load().Clone()
					config.NextProtos = []string{"h2", "http/1.1"}
					return config, nil
				}}
				opts := attempt.Options{RootCAs: poolOf(root)}
				switch way {
				case "through a proxy":
					opts.Proxy = connectProxy(t)
				case "awaiting HTTP/2":
					crm.Config.TLSNextProto = awaitingHTTP2
					opts.ConnectTimeout = time.Hour // whoever awaits the other in vain uses up the attempt's time
				}
				crm.Listener = lateListener{crm.Listener}
				crm.StartTLS()
				defer crm.Close()
				client := clientFor(t, crm.Listener.Addr().String(), opts)
				if way == "HTTP/2 before" {
					if o := post(t, client, &lead.Webhook{URL: crm.URL}); o.Verdict != attempt.Delivered {
						t.Fatalf("got %+v, want it delivered", o)
					}
					client.Close()
				}
				now.Store(c.server)
				hook := c.hook
				hook.URL = crm.URL
				o := post(t, client, &hook)
				// The connection of before may still be there. What is said on a new one may be
				// lost in net/http, but not twice.
				for tries := 0; way == "HTTP/2 before" && c.text != "" && o.Verdict != attempt.NeedsHuman && tries < 1000; tries++ {
					client.Close()
					o = post(t, client, &hook)
				}
				switch {
				case c.text == "" && o.Verdict != attempt.Delivered:
					t.Errorf("got %+v, want it delivered", o)
				case c.text != "" && (o.Verdict != attempt.NeedsHuman || o.Evidence != lead.NotSent || !strings.Contains(o.Text, c.text)):
					t.Errorf("got %s, %s: %s\nwant needs_human, not_sent: %s", o.Verdict, o.Evidence, o.Text, c.text)
				}
			})
		}
	}
}

// awaitingHTTP2 has an HTTP/2 server that says nothing before the client has, as HAProxy does.
var awaitingHTTP2 = map[string]func(*http.Server, *tls.Conn, http.Handler){
	"h2": func(s *http.Server, c *tls.Conn, h http.Handler) {
		if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err == nil {
			new(http2.Server).ServeConn(c, &http2.ServeConnOpts{BaseConfig: s, Handler: h, SawClientPreface: true}) //nolint:staticcheck // its successors speak first
		}
	},
}

// A lateListener has connections that end a moment after the server closes them: what the
// client still sends would otherwise reset the connection, and that may overtake an alert.
type lateListener struct{ net.Listener }

func (l lateListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lateConn{Conn: c}, nil
}

type lateConn struct {
	net.Conn
	once sync.Once
}

func (c *lateConn) Close() error {
	c.once.Do(func() {
		_ = c.Conn.(*net.TCPConn).CloseWrite() //nolint:forcetypeassert // the listener is one of TCP
		go func() {
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.Copy(io.Discard, c.Conn)
			_ = c.Conn.Close()
		}()
	})
	return nil
}

// connectProxy is a proxy that connects to wherever it is asked to.
func connectProxy(t *testing.T) *url.URL {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, err := net.Dial("tcp", r.Host)
		if err != nil || r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		from, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(to, buffered); _ = to.(*net.TCPConn).CloseWrite() })
		both.Go(func() { _, _ = io.Copy(from, to); _ = from.(*net.TCPConn).CloseWrite() })
		both.Wait()
		_, _ = to.Close(), from.Close()
	}))
	t.Cleanup(proxy.Close)
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestClientCertificatesAreKeptApart has webhooks with two certificates at one host, whose
// connections end after every other lead, so that sessions are resumed. The host sees who
// is there in TLS.
func TestClientCertificatesAreKeptApart(t *testing.T) {
	root := sign(t, nil, "Some Root", ecKey, nil)
	one, two := sign(t, root, "one", ecKey, nil), sign(t, root, "two", ecKey, nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, h2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %t", tls.VersionName(version), h2), func(t *testing.T) {
				var mu sync.Mutex
				var posts, connections, resumed int
				seen := map[string]bool{}
				crm := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					mu.Lock()
					defer mu.Unlock()
					who := "nobody"
					if peers := r.TLS.PeerCertificates; len(peers) > 0 {
						who = peers[0].Subject.CommonName
					}
					if r.URL.Path != "/"+who {
						t.Errorf("the lead for %s came from %s", r.URL.Path, who)
					}
					if posts++; !seen[r.RemoteAddr] {
						seen[r.RemoteAddr] = true
						connections++
						if r.TLS.DidResume {
							resumed++
						}
					} else {
						w.Header().Set("Connection", "close")
					}
				}))
				crm.EnableHTTP2 = h2
				crm.TLS = &tls.Config{
					Certificates: []tls.Certificate{sign(t, root, "crm", ecKey, nil).pair()}, MaxVersion: version,
					ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: poolOf(root),
				}
				crm.StartTLS()
				defer crm.Close()
				client := clientFor(t, crm.Listener.Addr().String(), attempt.Options{RootCAs: poolOf(root)})
				hooks := []*lead.Webhook{
					{ID: "a", URL: crm.URL + "/one", ClientCert: one.pem(t)}, {ID: "b", URL: crm.URL + "/two", ClientCert: two.pem(t)},
					{ID: "c", URL: crm.URL + "/nobody"}, {ID: "d", URL: crm.URL + "/one", ClientCert: one.pem(t)},
					{ID: "e", URL: crm.URL + "/one", ClientCert: one.pem(t), LegacyTLS: true},
				}
				for range 8 {
					for _, hook := range hooks {
						if o := post(t, client, hook); o.Verdict != attempt.Delivered {
							t.Fatalf("%s: got %+v, want it delivered", hook.ID, o)
						}
					}
				}
				// a and d share connections: eight for their sixteen leads, two for each.
				// With HTTP/2, that of c, it takes its time until a connection is closed.
				want := []int{40, 8 + 4 + 4 + 4, 20 - 4}
				if diff := cmp.Diff(want, []int{posts, connections, resumed}); diff != "" && !h2 {
					t.Errorf("posts, connections, resumed (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestHelloThatIsReset has a server, or what is before it, that ends connections at a
// hello of more than one packet.
func TestHelloThatIsReset(t *testing.T) {
	root := sign(t, nil, "Some Root", ecKey, nil)
	config := &tls.Config{Certificates: []tls.Certificate{sign(t, root, "crm", ecKey, nil).pair()}, NextProtos: []string{"h2", "http/1.1"}}
	for name, c := range map[string]struct {
		largest int // hello that the server takes, in bytes
		reset   bool
		legacy  bool
		hellos  []int32 // after each lead
		text    string
	}{
		"a large one is reset":            {1000, true, false, []int32{2, 3, 4}, ""},
		"a large one is closed":           {1000, false, false, []int32{2, 3, 4}, ""},
		"a large one is reset, legacy":    {1000, true, true, []int32{1, 2, 3}, ""},
		"each is reset":                   {0, true, false, []int32{2, 4, 6}, "ended the connection at the hello of TLS"},
		"each is reset, legacy":           {0, true, true, []int32{1, 2, 3}, "ended the connection at the hello of TLS"},
		"each is taken (as a comparison)": {1 << 14, true, false, []int32{2, 3, 4}, ""}, // HTTP/2 is another connection, at first
	} {
		t.Run(name, func(t *testing.T) {
			var hellos atomic.Int32
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{
				Handler:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }),
				ErrorLog: log.New(io.Discard, "", 0),
			}
			accepted := &picky{Listener: listener, largest: c.largest, reset: c.reset, hellos: &hellos, config: config}
			var served sync.WaitGroup
			served.Go(func() { _ = server.Serve(accepted) })
			defer func() { _ = server.Close(); served.Wait() }()
			client := clientFor(t, listener.Addr().String(), attempt.Options{RootCAs: poolOf(root)})
			hook := &lead.Webhook{URL: "https://" + listener.Addr().String(), LegacyTLS: c.legacy}
			for i, want := range c.hellos {
				o := post(t, client, hook)
				if c.text == "" && o.Verdict != attempt.Delivered {
					t.Errorf("lead %d: got %+v, want it delivered", i, o)
				}
				if c.text != "" && (o.Verdict != attempt.Transient || o.Evidence != lead.NotSent || !strings.Contains(o.Text, c.text)) {
					t.Errorf("lead %d: got %+v, want transient, not sent: %s", i, o, c.text)
				}
				if got := hellos.Load(); got != want && c.largest <= 1000 {
					t.Errorf("after lead %d there were %d hellos, want %d", i, got, want)
				}
			}
		})
	}
}

// A picky listener reads the hello of each connection, and ends it if that is too large.
type picky struct {
	net.Listener
	largest int
	reset   bool
	hellos  *atomic.Int32
	config  *tls.Config
}

func (p *picky) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		header := make([]byte, 5)
		_, _ = io.ReadFull(c, header)
		hello := make([]byte, binary.BigEndian.Uint16(header[3:]))
		_, _ = io.ReadFull(c, hello)
		p.hellos.Add(1)
		if len(hello) <= p.largest {
			return tls.Server(&replayed{c, io.MultiReader(bytes.NewReader(header), bytes.NewReader(hello), c)}, p.config), nil
		}
		if p.reset {
			_ = c.(*net.TCPConn).SetLinger(0) //nolint:forcetypeassert // it is one of TCP
		}
		_ = c.Close()
	}
}

// replayed is a connection of which something was read before.
type replayed struct {
	net.Conn
	in io.Reader
}

func (r *replayed) Read(b []byte) (int, error) { return r.in.Read(b) }

// TestRenegotiation has a server that asks for another handshake after the request, as IIS
// does for a client certificate. crypto/tls has no way to, so the record is made here.
func TestRenegotiation(t *testing.T) {
	root := sign(t, nil, "Some Root", ecKey, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var served sync.WaitGroup
	defer served.Wait()
	served.Go(func() {
		raw, err := listener.Accept()
		if err != nil {
			return
		}
		defer raw.Close()
		var keys, sent bytes.Buffer
		conn := tls.Server(&recording{raw, &sent}, &tls.Config{
			Certificates: []tls.Certificate{sign(t, root, "crm", ecKey, nil).pair()}, MaxVersion: tls.VersionTLS12, KeyLogWriter: &keys,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, SessionTicketsDisabled: true,
		})
		if conn.HandshakeContext(context.Background()) != nil {
			return
		}
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		_, _ = raw.Write(helloRequest(t, keys.String(), sent.Bytes()))
		_, _ = io.Copy(io.Discard, raw)
	})
	client := clientFor(t, listener.Addr().String(), attempt.Options{RootCAs: poolOf(root)})
	o := post(t, client, &lead.Webhook{URL: "https://" + listener.Addr().String()})
	if o.Verdict != attempt.NeedsHuman || o.Evidence != lead.MaybeReceived || !strings.Contains(o.Text, "renegotiation") {
		t.Errorf("got %+v, want that renegotiation is refused, and the request was sent", o)
	}
}

// recording keeps what is written.
type recording struct {
	net.Conn
	sent *bytes.Buffer
}

func (r *recording) Write(b []byte) (int, error) {
	r.sent.Write(b)
	return r.Conn.Write(b)
}

// helloRequest returns the record of a HelloRequest (RFC 5246 §7.4.1.1), the second that
// the server encrypts with AES-128-GCM, from the key log and what the server sent.
func helloRequest(t *testing.T, log string, sent []byte) []byte {
	t.Helper()
	words := strings.Fields(log) // CLIENT_RANDOM, that, the master secret
	clientRandom, err := hex.DecodeString(words[1])
	if err != nil {
		t.Fatal(err)
	}
	master, err := hex.DecodeString(words[2])
	if err != nil {
		t.Fatal(err)
	}
	serverRandom := sent[5+4+2:][:32] // behind the headers of record and message, and the version
	seed := slices.Concat([]byte("key expansion"), serverRandom, clientRandom)
	var block []byte // two keys and two salts (RFC 5288 §3)
	for a := seed; len(block) < 40; {
		a = mac(master, a)
		block = append(block, mac(master, a, seed)...)
	}
	key, salt := block[16:32], block[36:40]
	cipherBlock, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(cipherBlock)
	if err != nil {
		t.Fatal(err)
	}
	const handshake, number = 22, 1
	message := []byte{0, 0, 0, 0}
	explicit := binary.BigEndian.AppendUint64(nil, number)
	data := append(binary.BigEndian.AppendUint64(nil, number), handshake, 3, 3, 0, byte(len(message)))
	sealed := aead.Seal(explicit, slices.Concat(salt, explicit), message, data)
	return slices.Concat([]byte{handshake, 3, 3, 0, byte(len(sealed))}, sealed)
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
