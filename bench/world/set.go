package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/leadhook/leadhook/bench/crm"
)

// A set is webhooks that are alike, at hosts that are alike.
type set struct {
	name        string // letters
	webhooks    int
	hosts       int // the webhooks are dealt out over them; 0: one for each
	advertisers int // and over them too; 0: one for each. All of an advertiser's webhooks get its leads
	tls, http2  bool

	// share is how many leads a second are published for them, all together; where
	// leads wait, its ratio to the others' shares counts.
	share float64

	calm crm.Answer // how they answer while all is calm; nil: at once
}

func (s *set) hostCount() int       { return cmp.Or(s.hosts, s.webhooks) }
func (s *set) advertiserCount() int { return cmp.Or(s.advertisers, s.webhooks) }

// advertiser returns the advertiser of a webhook, or of the lead whose turn it is.
func (s *set) advertiser(n int) string {
	return s.name + "-adv-" + strconv.Itoa(n%s.advertiserCount())
}

// newHosts returns the set's hosts for one run, all calm.
func (s *set) newHosts() *crm.Hosts {
	h := &crm.Hosts{Name: s.name, Count: s.hostCount(), HTTP2: s.http2}
	h.Behave(crm.Takes)
	if s.calm != nil {
		h.Behave(s.calm)
	}
	return h
}

// url is where a webhook's leads go.
func (s *set) url(n int) string {
	scheme := "http"
	if s.tls {
		scheme = "https"
	}
	hosts := crm.Hosts{Name: s.name}
	return fmt.Sprintf("%s://%s/%d", scheme, hosts.Host(n%s.hostCount()), n)
}

// A hook is a webhook as a seed file has it.
type hook struct {
	ID         string  `json:"id"`
	Advertiser string  `json:"advertiser"`
	URL        string  `json:"url"`
	Event      string  `json:"event"`
	Active     bool    `json:"active"`
	Rate       float64 `json:"rate,omitempty"` // deliveries a second; 0: any
}

// hooks returns the set's webhooks, each with that rate.
func (s *set) hooks(rate float64) []hook {
	hooks := make([]hook, s.webhooks)
	for n := range hooks {
		hooks[n] = hook{ID: s.name + "-" + strconv.Itoa(n), Advertiser: s.advertiser(n), URL: s.url(n), Event: "new_contact", Active: true, Rate: rate}
	}
	return hooks
}

// seed stores all sets' webhooks as an operator does, in several files if
// they are very many. Rates are by the sets' names.
func seed(ctx context.Context, sets []*set, rates map[string]float64, binary string, env []string) error {
	const perFile = 100_000
	var hooks []hook
	for _, s := range sets {
		hooks = append(hooks, s.hooks(rates[s.name])...)
	}
	for some := range slices.Chunk(hooks, perFile) {
		file, err := json.Marshal(map[string][]hook{"webhooks": some})
		if err != nil {
			return err
		}
		if _, err := command(ctx, env, string(file), binary, "seed", "--quiet", "-"); err != nil {
			return err
		}
	}
	return nil
}

// filler makes leads about as long as real ones are.
var filler = strings.Repeat("Asked about the blue one. ", 20)

// lead is the lead object with that number, of those whose turn in their set it is.
func (s *set) lead(number int64, turn int) []byte {
	return leadObject(number, s.url(turn%s.advertiserCount()))
}

func leadObject(number int64, url string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"event_type":"call","url":%q,`+
		`"contact":{"first_name":"Ada","last_name":"Example","phone_mobile":"+13095550100"},"notes":%q}`,
		number, url, filler)
}

// event is that lead's event.
func (s *set) event(number int64, turn int) []byte {
	return fmt.Appendf(nil, `{"schema_version":1,"advertiser_id":%q,"trigger":"new_contact","lead":%s}`,
		s.advertiser(turn), s.lead(number, turn))
}
