//go:build unix

package http1_test

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The types of TLS 1.3 records (RFC 8446 §B.1).
const (
	alert     = 21
	handshake = 22
	content   = 23
)

// Messages of TLS 1.3 (RFC 8446 §4.6).
var (
	keyUpdate   = []byte{24, 0, 0, 1, 0}
	askedUpdate = []byte{24, 0, 0, 1, 1} // wants a reply
	ticket      = newTicket(4)
	goodbye     = []byte{1, 0}
)

// newTicket returns one that is good for an hour.
func newTicket(size int) []byte {
	fields := []byte{0, 0, 14, 16, 0, 0, 0, 0, 1, 7}
	fields = append(binary.BigEndian.AppendUint16(fields, uint16(size)), make([]byte, size)...)
	fields = append(fields, 0, 0)
	return append([]byte{4, 0, byte(len(fields) >> 8), byte(len(fields))}, fields...)
}

// A tls13 is a server's side of a TLS 1.3 connection, which sends what crypto/tls
// would not.
type tls13 struct {
	*tls.Conn

	secret   []byte
	sequence uint64
}

// serveTLS13 calls serve for each connection after its handshake. The certificate is
// that of crm.
func serveTLS13(t *testing.T, crm *httptest.Server, serve func(conn *tls13)) *server {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		var keys bytes.Buffer
		secure := tls.Server(conn, &tls.Config{
			Certificates: crm.TLS.Certificates, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, KeyLogWriter: &keys,
		})
		if secure.Handshake() != nil {
			return
		}
		if got := secure.ConnectionState().CipherSuite; got != tls.TLS_AES_128_GCM_SHA256 {
			t.Errorf("got %s, which the test does not know", tls.CipherSuiteName(got))
			return
		}
		_, line, _ := strings.Cut(keys.String(), "SERVER_TRAFFIC_SECRET_0 ")
		secret, err := hex.DecodeString(strings.Fields(line)[1])
		if err != nil {
			t.Error(err)
		}
		serve(&tls13{Conn: secure, secret: secret})
	})
}

// seal returns a record of the connection.
func (c *tls13) seal(kind byte, message []byte) []byte {
	block, err := aes.NewCipher(c.expand("key", 16))
	if err != nil {
		panic(err)
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	nonce := c.expand("iv", 12)
	last := nonce[4:]
	binary.BigEndian.PutUint64(last, binary.BigEndian.Uint64(last)^c.sequence)
	c.sequence++
	inner := append(slices.Clone(message), kind)
	header := binary.BigEndian.AppendUint16([]byte{content, 3, 3}, uint16(len(inner)+sealer.Overhead()))
	if kind == handshake && message[0] == keyUpdate[0] {
		defer func() { c.secret, c.sequence = c.expand("traffic upd", sha256.Size), 0 }()
	}
	return sealer.Seal(header, nonce, inner, header)
}

// expand is HKDF-Expand-Label (RFC 8446 §7.1).
func (c *tls13) expand(label string, size int) []byte {
	info := append([]byte{0, byte(size), byte(len("tls13 " + label))}, "tls13 "+label+"\x00"...)
	key, err := hkdf.Expand(sha256.New, c.secret, string(info), size)
	if err != nil {
		panic(err)
	}
	return key
}

func (c *tls13) send(records ...[]byte) { _, _ = c.NetConn().Write(slices.Concat(records...)) }

// times seals the same message again and again.
func (c *tls13) times(n int, message []byte) []byte {
	var all []byte
	for range n {
		all = append(all, c.seal(handshake, message)...)
	}
	return all
}

// TestWhatComesBehindTheAnswer has servers that send something else behind an answer,
// at once or while the connection is idle. What is for TLS alone does no harm. After
// anything else the connection is not used again, since it might be part of an answer.
func TestWhatComesBehindTheAnswer(t *testing.T) {
	const (
		answer  = "HTTP/1.1 204 No Content\r\n\r\n"
		another = "HTTP/1.1 500 Not Yours\r\nContent-Length: 0\r\n\r\n"
	)
	for name, c := range map[string]struct {
		behind func(c *tls13) []byte
		again  bool
	}{
		"ticket":                     {func(c *tls13) []byte { return c.times(1, ticket) }, true},
		"some tickets":               {func(c *tls13) []byte { return c.times(4, ticket) }, true},
		"more tickets than anybody":  {func(c *tls13) []byte { return c.times(17, ticket) }, false},
		"no end of tickets":          {func(c *tls13) []byte { return c.times(1000, ticket) }, false},
		"half a ticket":              {func(c *tls13) []byte { return c.times(1, ticket)[:20] }, false},
		"new keys":                   {func(c *tls13) []byte { return c.times(1, keyUpdate) }, true},
		"new keys for both":          {func(c *tls13) []byte { return c.times(1, askedUpdate) }, false},
		"another answer":             {func(c *tls13) []byte { return c.seal(content, []byte(another)) }, false},
		"a ticket and an answer":     {func(c *tls13) []byte { return append(c.times(1, ticket), c.seal(content, []byte(another))...) }, false},
		"the beginning of an answer": {func(c *tls13) []byte { return c.seal(content, []byte(another))[:20] }, false},
		"goodbye":                    {func(c *tls13) []byte { return c.seal(alert, goodbye) }, false},
		"what is not TLS":            {func(*tls13) []byte { return []byte(another) }, false},
	} {
		for when, idle := range map[string]bool{"at once": false, "while idle": true} {
			t.Run(name+", "+when, func(t *testing.T) {
				crm := certified(t)
				answered, sent := make(chan struct{}), make(chan struct{}, 2)
				s := serveTLS13(t, crm, func(conn *tls13) {
					for in := bufio.NewReader(conn); take(in) == nil; sent <- struct{}{} {
						first := conn.seal(content, []byte(answer))
						if !idle {
							conn.send(first, c.behind(conn))
							continue
						}
						conn.send(first)
						<-answered
						conn.send(c.behind(conn))
					}
				})
				transport, _ := newTransport(t)
				transport.TLS, transport.IdleTimeout = trusting(crm), time.Hour
				for range 2 {
					if status, _ := post(t, transport, "https://"+s.address); status != 204 {
						t.Errorf("got %d, want 204", status)
					}
					if idle {
						answered <- struct{}{}
					}
					<-sent
				}
				if again := s.accepted.Load() == 1; again != c.again {
					t.Errorf("got %d connections for two requests; want the first one used again: %v", s.accepted.Load(), c.again)
				}
			})
		}
	}
}

// TestWhatComesBeforeTheAnswer has servers that send what is for TLS alone instead of
// an answer, without an end or not.
func TestWhatComesBeforeTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		before   func(c *tls13) []byte
		answered bool
	}{
		"ticket":            {func(c *tls13) []byte { return c.times(2, ticket) }, true},
		"new keys for both": {func(c *tls13) []byte { return c.times(2, askedUpdate) }, true},
		"no end of tickets": {func(c *tls13) []byte { return c.times(1000, ticket) }, false},
		"no end of keys":    {func(c *tls13) []byte { return c.times(1000, askedUpdate) }, false},
		"an empty record":   {func(c *tls13) []byte { return c.seal(content, nil) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			crm := certified(t)
			var posts atomic.Int32
			s := serveTLS13(t, crm, func(conn *tls13) {
				if take(bufio.NewReader(conn)) == nil {
					posts.Add(1)
					conn.send(c.before(conn), conn.seal(content, []byte("HTTP/1.1 204 No Content\r\n\r\n")))
				}
				_, _ = conn.Read(make([]byte, 1))
			})
			transport, _ := newTransport(t)
			transport.TLS = trusting(crm)
			_, err := transport.RoundTrip(newPost(t, "https://"+s.address, "lead"))
			if answered := err == nil; answered != c.answered || posts.Load() != 1 {
				t.Errorf("got error %v after %d POSTs; want an answer: %v", err, posts.Load(), c.answered)
			}
		})
	}
}

// A keeper counts the sessions that are kept.
type keeper struct{ kept atomic.Int32 }

func (k *keeper) Get(string) (*tls.ClientSessionState, bool)    { return nil, false }
func (k *keeper) Put(_ string, session *tls.ClientSessionState) { k.kept.Add(1) }

// TestLargeSessionsAreNotKept: the cache counts sessions, and the server decides how
// large they are.
func TestLargeSessionsAreNotKept(t *testing.T) {
	for size, want := range map[int]int32{200: 1, 16 << 10: 1, 60 << 10: 0} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			crm := certified(t)
			s := serveTLS13(t, crm, func(conn *tls13) {
				_ = take(bufio.NewReader(conn))
				for part := range slices.Chunk(newTicket(size), 16<<10) {
					conn.send(conn.seal(handshake, part))
				}
				conn.send(conn.seal(content, []byte("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")))
			})
			transport, _ := newTransport(t)
			var cache keeper
			transport.TLS = trusting(crm)
			transport.TLS.ClientSessionCache = &cache
			if status, _ := post(t, transport, "https://"+s.address); status != 204 || cache.kept.Load() != want {
				t.Errorf("got status %d and %d sessions, want 204 and %d", status, cache.kept.Load(), want)
			}
		})
	}
}
