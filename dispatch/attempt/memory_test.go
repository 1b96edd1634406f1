//go:build linux

package attempt_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// serveVariable makes TestMain a server of its own process, so that its memory is
// not counted.
const serveVariable = "LEADHOOK_TEST_SERVES"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		serveHosts()
		return
	}
	os.Exit(m.Run())
}

// serveHosts takes requests at every loopback address, each of which has a
// certificate of its own, and answers them when stdin ends. It prints its port and
// the certificate of its authority, and a line when as many requests have come as
// the first line of stdin says.
func serveHosts() {
	var wanted int
	_, _ = fmt.Scanln(&wanted)
	key, authority := newAuthority()
	hosts := &hosts{key: key, authority: authority, certificates: map[string]*tls.Certificate{}}
	listener, err := net.Listen("tcp4", ":0")
	if err != nil {
		panic(err)
	}
	var taken sync.WaitGroup
	taken.Add(wanted)
	over := make(chan struct{})
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: hosts.certificate, NextProtos: []string{"http/1.1"}},
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			taken.Done()
			<-over
		}),
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port, base64.StdEncoding.EncodeToString(authority.Raw))
	go func() { taken.Wait(); fmt.Println("all") }()
	_, _ = io.Copy(io.Discard, os.Stdin)
	close(over)
	_ = server.Shutdown(context.Background())
}

// hosts makes the certificates of the hosts when they are asked for.
type hosts struct {
	key       *ecdsa.PrivateKey
	authority *x509.Certificate

	mu           sync.Mutex
	certificates map[string]*tls.Certificate // guarded by mu
}

func (h *hosts) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	address := hello.Conn.LocalAddr().(*net.TCPAddr).IP
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.certificates[address.String()]; c != nil {
		return c, nil
	}
	template := newTemplate(address.String())
	template.IPAddresses = []net.IP{address}
	der, err := x509.CreateCertificate(rand.Reader, template, h.authority, &h.key.PublicKey, h.key)
	c := &tls.Certificate{Certificate: [][]byte{der, h.authority.Raw}, PrivateKey: h.key}
	h.certificates[address.String()] = c
	return c, err
}

// newTemplate returns that of a certificate of the size that real ones have.
func newTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, 1000)}},
		SerialNumber:    big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

func newAuthority() (*ecdsa.PrivateKey, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := newTemplate("authority")
	template.IsCA, template.BasicConstraintsValid = true, true
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	authority, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return key, authority
}

// memory is what a process has, in bytes.
type memory struct{ resident, heap, stacks float64 }

// measure reads it as it is, garbage included.
func measure(tb testing.TB) memory {
	tb.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Fatal(err)
	}
	var size, resident float64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		tb.Fatal(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{resident * float64(os.Getpagesize()), float64(m.HeapAlloc), float64(m.StackInuse)}
}

// A farm is a process of TLS hosts that let requests wait.
type farm struct {
	in        io.Closer // when it ends, the requests are answered
	port      int       // of all hosts
	authority *x509.CertPool
	all       chan struct{} // closed when all requests have come, or the farm has ended
	process   *exec.Cmd
}

func newFarm(tb testing.TB, requests int) *farm {
	tb.Helper()
	f := &farm{process: exec.CommandContext(tb.Context(), os.Args[0]), all: make(chan struct{})}
	f.process.Env, f.process.Stderr = append(os.Environ(), serveVariable+"=1"), os.Stderr
	in, err := f.process.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := f.process.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := f.process.Start(); err != nil {
		tb.Fatal(err)
	}
	_, _ = fmt.Fprintln(in, requests)
	f.in = in
	lines := bufio.NewReader(out)
	var authority string
	if _, err := fmt.Fscan(lines, &f.port, &authority); err != nil {
		tb.Fatal(err)
	}
	f.authority = authorityPool(tb, authority)
	go func() {
		defer close(f.all)
		_, _ = fmt.Fscan(lines, new(string))
	}()
	return f
}

// waiting returns the memory of one of so many attempts that wait for the answers
// of so many TLS hosts: right after they were begun, and after a collection.
func waiting(tb testing.TB, attempts, hosts int) (begun, collected memory) {
	tb.Helper()
	farm := newFarm(tb, attempts)
	defer func() { _ = farm.process.Wait() }()
	client := attempt.NewClient(attempt.Options{
		Timeout: time.Minute, ConnectTimeout: time.Minute, MaxInFlight: attempts, RootCAs: farm.authority,
		Guard: attempt.GuardOptions{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowPorts: []int{farm.port}},
	})
	defer client.Close()
	body := [][]byte{bytes.Repeat([]byte("x"), 2<<10)}
	debug.FreeOSMemory()
	before := measure(tb)
	var posting sync.WaitGroup
	for i := range attempts {
		hook := &lead.Webhook{URL: fmt.Sprintf("https://127.0.%d.%d:%d/lead", i%hosts/250, i%hosts%250+1, farm.port)}
		target, err := client.Target(hook)
		if err != nil {
			tb.Fatal(err)
		}
		posting.Go(func() {
			o := client.Do(&attempt.Request{Target: target, DeliveryID: "d", Number: 1, Time: time.Now(), Body: body})
			if o.Verdict != attempt.Delivered {
				tb.Errorf("got %+v", o)
			}
		})
	}
	ended := make(chan struct{})
	go func() { posting.Wait(); close(ended) }()
	select {
	case <-farm.all:
	case <-ended: // none of them waits: they have failed
	}
	begun = measure(tb).per(attempts, before)
	debug.FreeOSMemory()
	debug.FreeOSMemory() // once more: a collection halves a stack at most
	collected = measure(tb).per(attempts, before)
	_ = farm.in.Close()
	<-ended
	return begun, collected
}

func (m memory) per(attempts int, before memory) memory {
	n := float64(attempts)
	return memory{(m.resident - before.resident) / n, (m.heap - before.heap) / n, (m.stacks - before.stacks) / n}
}

func authorityPool(tb testing.TB, encoded string) *x509.CertPool {
	tb.Helper()
	der, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool
}

// TestWaitingAttemptsAreSmall: slots are cheap only if what waits for an answer
// over TLS is. What is resident depends on the collector and, with few attempts, on
// what the process has anyway; see BenchmarkWaiting.
func TestWaitingAttemptsAreSmall(t *testing.T) {
	begun, collected := waiting(t, 256, 64)
	t.Logf("right after they were begun: %+.0f; after a collection: %+.0f", begun, collected)
	if got, most := collected.heap+collected.stacks, 32.0*(1<<10); got > most { // 23 KiB
		t.Errorf("an attempt that waits for its answer takes %.0f bytes of heap and stack, want %.0f at most", got, most)
	}
}

// BenchmarkWaiting is what one of 4,096 attempts at 1,000 TLS hosts takes while it
// waits for its answer.
func BenchmarkWaiting(b *testing.B) {
	for b.Loop() {
		begun, collected := waiting(b, 4096, 1000)
		b.ReportMetric(begun.resident, "resident-B/attempt")
		b.ReportMetric(collected.resident, "collected-B/attempt")
		b.ReportMetric(collected.heap, "heap-B/attempt")
		b.ReportMetric(collected.stacks, "stacks-B/attempt")
	}
}
