package consumer

import (
	"context"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/consumer/fetch"
)

// newFetcher returns the fetcher of a session, whose connections are closed when ctx ends
// at the latest.
func (s *session) newFetcher(ctx context.Context) *fetch.Fetcher {
	opts := &s.c.opts
	dialer := dialerUntil(ctx, opts.Dialer)
	return fetch.New(fetch.Options{
		Brokers: opts.Brokers,
		Transport: &kafka.Transport{
			Dial: dialer.DialFunc, DialTimeout: dialer.Timeout, ClientID: dialer.ClientID,
			TLS: dialer.TLS, SASL: dialer.SASLMechanism,
			MetadataTTL: 15 * time.Second, MetadataTopics: opts.Topics[:1], // of no use here: the fetcher asks by itself
		},
		MaxBytes:       opts.FetchMaxBytes,
		HeldBytes:      max(opts.OpenBytes/heldShare, 2*opts.FetchMaxBytes),
		MaxRecordBytes: opts.MaxRecordBytes,
		Failed:         s.fetchFailed,
	})
}

// What is fetched ahead may take so much of what may be open, and unpacked as much again.
const heldShare = 4

// fetchFailed notes why a partition cannot be fetched; nil: it can be again.
func (s *session) fetchFailed(topic string, number int, err error) {
	i := slices.IndexFunc(s.assigned, func(a *assigned) bool { return a.topic == topic && a.number == number })
	if p, _ := s.assigned[i].current(); p != nil {
		p.failed(err)
	}
}

func (p *partition) failed(err error) {
	if err == nil {
		p.failing.Store(nil)
		return
	}
	text := err.Error()
	if p.failing.Swap(&text) == nil {
		p.s.c.health.cannotFetch()
	}
}
