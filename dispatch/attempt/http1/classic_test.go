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

// TestClassicHelloIsRemembered has a server that ends connections at a post-quantum share.
// For a day it gets none; then it is tried again whether it was mended.
func TestClassicHelloIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		certificate, trusted := selfSigned(t, "crm.example", time.Now().AddDate(1, 0, 0))
		var hellos []bool // whether each had a post-quantum share
		var serving sync.WaitGroup
		transport, _ := newTransport(t)
		transport.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}
		transport.Dial = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			serving.Go(func() {
				defer theirs.Close()
				secure := tls.Server(theirs, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
					hellos = append(hellos, slices.Contains(hello.SupportedCurves, tls.X25519MLKEM768))
					if hellos[len(hellos)-1] {
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
		for _, wait := range []time.Duration{0, time.Second, 23 * time.Hour, 2 * time.Hour} {
			time.Sleep(wait)
			if _, err := transport.RoundTrip(newPost(t, "https://crm.example", "lead")); err != nil {
				t.Fatal(err)
			}
		}
		serving.Wait()
		if want := []bool{true, false, false, false, true, false}; !slices.Equal(hellos, want) {
			t.Errorf("got hellos with a post-quantum share %v, want %v", hellos, want)
		}
	})
}
