//go:build faults

package faults

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestFullOperatorsAtOnce has three of them change the same list, and the same webhook, at
// the same moment, and a fourth whose commands are killed. Of two changes that contradict
// each other, one may be refused, which it must be told; what is acknowledged counts.
func TestFullOperatorsAtOnce(t *testing.T) {
	r := newRig(t, setup{})
	w := r.tends()
	all := []*operator{w.operator}
	for n := range 3 {
		o := r.operator("beside"+strconv.Itoa(n+1), 1)
		o.hooks, o.hasty = w.hooks[:1], n == 2 // the same advertiser
		all = append(all, o)
	}
	r.runs(2)
	w.published = r.publishing(either(15_000, 3000), tendFlow, w.hooks...)
	r.flows()
	contested := w.addTo(w.hooks[:1])
	rounds := either(20, 6) // an advertiser may have a hundred webhooks
	for range rounds {
		race(all, func(o *operator) { _ = o.seeds(contested) })
		race(all, (*operator).addsOne)
	}
	w.stop = func() {}
	w.others = all[1:]
	w.settles(fmt.Sprintf("webhooks: three operators change the same list, and the same webhook, at once, %d times;"+
		" the commands of a fourth are killed", rounds), time.Time{}, fmt.Sprintf("%d were told that another one was first", w.told()))
}

// addsOne adds a webhook of the first advertiser, and must be acknowledged: nobody
// contradicts it.
func (o *operator) addsOne() {
	if err := o.seeds(o.addTo(o.hooks[:1])); err != nil && !o.hasty {
		o.r.fails("a webhook that only one operator knows: %v", err)
	}
}

// race has all do something at once.
func race(all []*operator, does func(*operator)) {
	var racers sync.WaitGroup
	for _, o := range all {
		racers.Go(func() { does(o) })
	}
	racers.Wait()
}
