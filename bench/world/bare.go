package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bareCommand makes this program a loop that does nothing but make the POSTs whose
// URLs are in a file, one a line.
const bareCommand = "bare"

// bareArgv returns the loop for the leads of the plan.
func (o *one) bareArgv() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var urls strings.Builder
	for lead := int64(1); lead <= int64(o.plan.leads()); lead++ {
		kind, turn := o.plan.of(lead)
		fmt.Fprintln(&urls, o.plan.sets[kind].url(turn))
	}
	file := filepath.Join(o.dir, "urls")
	return []string{self, bareCommand, file}, os.WriteFile(file, []byte(urls.String()), 0o600)
}

// bare is that loop: a client of net/http with a deadline, as every client needs
// one, and a few requests in flight.
func bare(ctx context.Context, args []string) error {
	const inFlight = 64
	text, err := os.ReadFile(args[0]) //nolint:gosec // the file that bareArgv has written
	if err != nil {
		return err
	}
	urls := strings.Fields(string(text))
	client := &http.Client{
		Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, DisableCompression: true},
		Timeout:   15 * time.Second,
	}
	var next, failed atomic.Int64
	var loops sync.WaitGroup
	for range inFlight {
		loops.Go(func() {
			for n := next.Add(1); n <= int64(len(urls)); n = next.Add(1) {
				if err := post(ctx, client, n, urls[n-1]); err != nil && failed.Add(1) == 1 {
					fmt.Fprintln(os.Stderr, err)
				}
			}
		})
	}
	loops.Wait()
	if n := failed.Load(); n > 0 {
		return fmt.Errorf("%d of %d requests failed", n, len(urls))
	}
	return nil
}

// post makes one request, with the header fields that a delivery has.
func post(ctx context.Context, client *http.Client, lead int64, url string) error {
	body := fmt.Appendf(nil, `{"lead": %s}`, leadObject(lead, url))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body)) //nolint:gosec // to a host of ours
	if err != nil {
		return err
	}
	r.Header = http.Header{
		"Accept": {"*/*"}, "Content-Type": {"application/json"}, "User-Agent": {"leadhook"}, "webhook-attempt": {"1"},
		"webhook-id": {"dlv_00000000000000000000000000000000"}, "webhook-timestamp": {"1790000000"}, "webhook-trigger": {"new_contact"},
	}
	answer, err := client.Do(r) //nolint:gosec // to a host of ours
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
