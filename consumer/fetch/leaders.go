package fetch

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/leadhook/leadhook/internal/wait"
)

// The brokers are asked who leads the partitions when that is not known, but not more often
// than this, and ever less often while they do not know.
const leastBetweenLookUps, mostBetweenLookUps = 100 * time.Millisecond, 2 * time.Second

// lookUp has the leaders looked up.
func (f *Fetcher) lookUp() {
	select {
	case f.stale <- struct{}{}:
	default:
	}
}

// followLeaders asks who leads the partitions, whenever that is not known of one, until ctx
// ends.
func (f *Fetcher) followLeaders(ctx context.Context) {
	backOff := wait.Endless(leastBetweenLookUps, mostBetweenLookUps)
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.stale:
		}
		leaders, err := f.findLeaders(ctx)
		if ctx.Err() != nil {
			return
		}
		if f.lead(leaders, err) {
			backOff.Reset()
		} else {
			f.lookUp()
		}
		wait.For(ctx, backOff.NextBackOff())
	}
}

// lead notes who leads the partitions, and reports whether that is known of all.
func (f *Fetcher) lead(leaders map[string][]string, err error) (all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all = true
	for _, p := range f.partitions {
		of := leaders[p.topic]
		switch {
		case p.number < len(of) && of[p.number] != "":
			p.leader = of[p.number]
		case p.leader == "":
			all = false
			p.failed(leaderless(err), false)
		}
	}
	f.ask()
	return all
}

func leaderless(err error) error {
	if err != nil {
		return fmt.Errorf("asking the brokers who leads it: %w", err)
	}
	return fmt.Errorf("no broker leads it: %w", kafka.LeaderNotAvailable)
}

// findLeaders returns the addresses of the leaders by topic and partition, "" where there
// is none.
func (f *Fetcher) findLeaders(ctx context.Context) (map[string][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ask := &lookUp{ctx: ctx, clientID: f.opts.Transport.ClientID, Request: &metadata.Request{TopicNames: f.topics()}}
	got, err := f.opts.Transport.RoundTrip(ctx, kafka.TCP(f.opts.Brokers...), ask)
	if err != nil {
		return nil, err
	}
	cluster := got.(found)
	addrs := make(map[int32]string, len(cluster.Brokers))
	for _, b := range cluster.Brokers {
		addrs[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	leaders := make(map[string][]string, len(cluster.Topics))
	for _, t := range cluster.Topics {
		of := make([]string, len(t.Partitions))
		for _, p := range t.Partitions {
			if i := int(p.PartitionIndex); i >= 0 && i < len(of) {
				of[i] = addrs[p.LeaderID]
			}
		}
		leaders[t.Name] = of
	}
	return leaders, nil
}

func (f *Fetcher) topics() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for _, p := range f.partitions {
		if !slices.Contains(names, p.topic) {
			names = append(names, p.topic)
		}
	}
	return names
}

// A lookUp is a request for metadata that is sent: kafka-go answers its own from what it
// remembers, for some seconds.
type lookUp struct {
	*metadata.Request
	ctx      context.Context
	clientID string
	version  int16
}

// Required is asked by kafka-go, with the versions that both sides know.
func (l *lookUp) Required(versions map[protocol.ApiKey]int16) bool {
	l.version = versions[protocol.Metadata]
	return true
}

// RawExchange sends the request and reads the answer.
func (l *lookUp) RawExchange(broker io.ReadWriter) (protocol.Message, error) {
	defer cutAtEnd(l.ctx, broker)()
	answer, err := protocol.RoundTrip(broker, l.version, 1, l.clientID, l.Request)
	if err != nil {
		return nil, err
	}
	return found{answer.(*metadata.Response)}, nil
}

// found is the answer, which kafka-go would take for one to a request of its own.
type found struct{ *metadata.Response }
