//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/leadhook/leadhook/bench/crm"
)

// visitVariable makes the test binary look round in a world: it names a directory.
const visitVariable = "WORLD_TEST_VISIT"

// refusedCode is its exit code if the machine refuses what a world needs.
const refusedCode = 77

func TestMain(m *testing.M) {
	dir := os.Getenv(visitVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	err := visit(dir)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	if errors.Is(err, unix.EPERM) {
		os.Exit(refusedCode)
	}
	os.Exit(1)
}

// TestTheWorldIsThere goes to the world as the service does: by name, with TLS.
func TestTheWorldIsThere(t *testing.T) {
	err := enter(t.Context(), nil, []string{visitVariable + "=" + t.TempDir()})
	ended, _ := errors.AsType[*exec.ExitError](err)
	if errors.Is(err, unix.EPERM) || ended != nil && ended.ExitCode() == refusedCode {
		t.Skip("this machine makes no world: ", err)
	}
	if err != nil {
		t.Error(err)
	}
}

func visit(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := settle(dir); err != nil {
		return err
	}
	w, err := crm.Start(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	arrived := func(int64, time.Time, int) {}
	plain, modern, gone := &crm.Hosts{Name: "plain", Count: 2, Arrived: arrived},
		&crm.Hosts{Name: "modern", Count: 2, HTTP2: true, Arrived: arrived}, &crm.Hosts{Name: "gone", Count: 1, Arrived: arrived}
	plain.Behave(crm.Closes)
	modern.Behave(crm.Takes)
	gone.Vanish()
	w.Settle(plain, modern, gone)
	ca, err := os.ReadFile(w.CAFile())
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: (&net.Dialer{Timeout: 300 * time.Millisecond}).DialContext}}
	for url, want := range map[string]string{
		"http://plain-1.test/1": "HTTP/1.1 200", "https://plain-0.test/": "HTTP/1.1 200", "https://modern-1.test/": "HTTP/2.0 204",
		"https://plain-2.test/": "no such host", "https://gone-0.test/": "timeout", "http://gone-0.test/": "timeout",
	} {
		if got := call(ctx, client, url); !strings.Contains(got, want) {
			err = errors.Join(err, fmt.Errorf("%s: got %s, want %s", url, got, want))
		}
	}
	return err
}

// call says what became of a POST.
func call(ctx context.Context, client *http.Client, url string) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"lead": {"id":1}}`))
	if err != nil {
		return err.Error()
	}
	answer, err := client.Do(r)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	return fmt.Sprint(answer.Proto, " ", answer.StatusCode)
}
