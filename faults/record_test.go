//go:build faults

package faults

import (
	"encoding/hex"
	"hash/maphash"
	"strings"
	"sync"
)

// A post is what the CRM remembers of one request, in few bytes: there may be
// a million of them.
type post struct {
	begin, end int64  // microseconds since 1970: when it had been read, and when it was over
	body       uint64 // its sum
	delivery   uint32 // which one, as record.ids has it
	path       uint32 // where to, and with which token, as record.paths has it
	attempt    uint16 // as the header said
	status     uint16 // what was answered; zero: nothing, or the client was gone
	instance   uint16 // the number of the instance that made it; zero: none of the suite's
	taken      bool   // the CRM has the lead now, whatever it answered
}

// sum is what a body is compared by.
func sum(body []byte) uint64 { return maphash.Bytes(bodySeed, body) }

var bodySeed = maphash.MakeSeed()

func (p *post) answered() bool { return p.status/100 == 2 }

// A deliveryID is the 16 bytes of a webhook-id.
type deliveryID [16]byte

// parseDelivery reads dlv_ and 32 hexadecimal digits.
func parseDelivery(text string) (id deliveryID, ok bool) {
	digits, found := strings.CutPrefix(text, "dlv_")
	if !found || len(digits) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(digits))
	return id, err == nil
}

// A record is everything that the CRM has seen.
type record struct {
	mu     sync.Mutex // guards all
	posts  []post     // in the order of their ends
	ids    map[deliveryID]uint32
	paths  map[string]uint32
	taken  []uint16 // by delivery: how often the CRM took it
	hits   []int    // by path: POSTs that were taken
	open   int      // POSTs that are not over
	first  int      // deliveries that were taken at all
	spoilt int      // requests that were none that leadhook may send
}

func newRecord() *record {
	return &record{ids: map[deliveryID]uint32{}, paths: map[string]uint32{}}
}

func (r *record) began() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
}

// over ends what began. A post without a delivery id counts as spoilt.
func (r *record) over(p post, delivery, path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open--
	id, ok := parseDelivery(delivery)
	if !ok {
		r.spoilt++
		return
	}
	p.delivery, p.path = r.index(id), r.pathIndex(path)
	r.posts = append(r.posts, p)
	if p.taken {
		if r.taken[p.delivery] == 0 {
			r.first++
		}
		r.taken[p.delivery]++
		r.hits[p.path]++
	}
}

func (r *record) index(id deliveryID) uint32 {
	n, known := r.ids[id]
	if !known {
		n = uint32(len(r.ids))
		r.ids[id] = n
		r.taken = append(r.taken, 0)
	}
	return n
}

func (r *record) pathIndex(path string) uint32 {
	n, known := r.paths[path]
	if !known {
		n = uint32(len(r.paths))
		r.paths[path] = n
		r.hits = append(r.hits, 0)
	}
	return n
}

// deliveries is how many different deliveries were taken.
func (r *record) deliveries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.first
}

// at is how many POSTs to a path were taken.
func (r *record) at(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, known := r.paths[path]; known {
		return r.hits[n]
	}
	return 0
}

// each calls a function for every POST that is over, in the order of their
// ends.
func (r *record) each(path string, see func(p *post)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, known := r.paths[path]
	for i := range r.posts {
		if path == "" || known && r.posts[i].path == n {
			see(&r.posts[i])
		}
	}
}

// forget begins anew.
func (r *record) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts, r.ids, r.paths, r.taken, r.hits = nil, map[deliveryID]uint32{}, map[string]uint32{}, nil, nil
	r.first = 0
}
