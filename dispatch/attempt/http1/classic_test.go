//go:build unix

package http1_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestClassicHelloIsRemembered has servers that end connections at the hello. One that takes the
// next, without a post-quantum share, gets none for an hour.
func TestClassicHelloIsRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		ends func(n int, postQuantum bool) bool // whether the server ends connection n at such a hello
		want []bool                             // whether each hello had a post-quantum share
		all  bool                               // whether each lead gets through
	}{
		"with a post-quantum share": {func(_ int, postQuantum bool) bool { return postQuantum }, []bool{true, false, false, false, true, false}, true},
		"once, by chance":           {func(n int, _ bool) bool { return n == 0 }, []bool{true, false, false, false, true}, true},
		"twice, by chance":          {func(n int, _ bool) bool { return n < 2 }, []bool{true, false, true, true, true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				certificate, trusted := selfSigned(t, "crm.example", time.Now().AddDate(1, 0, 0))
				var hellos []bool
				var serving sync.WaitGroup
				transport, _ := newTransport(t)
				transport.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}
				transport.Dial = func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					serving.Go(func() {
						defer theirs.Close()
						secure := tls.Server(theirs, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
							postQuantum := slices.Contains(hello.SupportedCurves, tls.X25519MLKEM768)
							hellos = append(hellos, postQuantum)
							if c.ends(len(hellos)-1, postQuantum) {
								_ = theirs.Close()
							}
							return &tls.Config{Certificates: []tls.Certificate{certificate}}, nil
						}})
						if secure.HandshakeContext(context.Background()) == nil {
							_, _ = secure.Read(make([]byte, 4096))
							_, _ = io.WriteString(secure, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
							_, _ = io.Copy(io.Discard, secure)
						}
					})
					return ours, nil
				}
				for _, wait := range []time.Duration{0, time.Second, 58 * time.Minute, 2 * time.Minute} {
					time.Sleep(wait)
					if _, err := transport.RoundTrip(newPost(t, "https://crm.example", "lead")); err != nil && c.all {
						t.Fatal(err)
					}
				}
				serving.Wait()
				if !slices.Equal(hellos, c.want) {
					t.Errorf("got hellos with a post-quantum share %v, want %v", hellos, c.want)
				}
			})
		})
	}
}
