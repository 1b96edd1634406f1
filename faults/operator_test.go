//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// An operator changes webhooks with the commands that people use, while leads flow, and
// remembers what was acknowledged and when. It knows nothing of the service.
type operator struct {
	r       *rig
	name    string
	environ []string // settings of its commands that differ from the rig's
	hasty   bool     // kills its commands (SIGKILL) while they work
	rand    *rand.Rand
	hooks   []*hook      // of its advertisers, as their leads need them
	lives   []*life      // of the webhooks, those that were removed too
	made    int          // webhooks, and addresses
	done    atomic.Int64 // commands
	failed  atomic.Int64 // commands
	refused atomic.Value // the newest output of a command that failed
}

// operator is one with so many advertisers, none of which has a webhook yet. Its commands
// reach Kafka although instances may not.
func (r *rig) operator(name string, advertisers int) *operator {
	o := &operator{r: r, name: name, environ: []string{"LEADHOOK_KAFKA_BROKERS=" + strings.Join(r.brokers, ",")}, rand: rand.New(rand.NewPCG(r.rand.Uint64(), r.rand.Uint64()))}
	for n := range advertisers {
		o.hooks = append(o.hooks, &hook{Advertiser: fmt.Sprintf("%s%d-%s", name, n+1, r.unique)})
	}
	return o
}

// commandTimeout is how long an operator waits for a command before killing it. A hasty one
// waits for any time up to hastyTimeout, which is about what a command takes.
const commandTimeout, hastyTimeout = time.Minute, 500 * time.Millisecond

// command runs a command to its end; an error means that nothing was acknowledged.
func (o *operator) command(stdin string, args ...string) error {
	patience := commandTimeout
	if o.hasty {
		patience = time.Duration(o.rand.Int64N(int64(hastyTimeout)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.r.binary, args...)
	cmd.Env, cmd.Stdin = append(o.r.env(), o.environ...), strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.failed.Add(1)
		o.refused.Store(fmt.Sprintf("leadhook %s: %v: %s", strings.Join(args, " "), err, out))
		return fmt.Errorf("leadhook %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	o.done.Add(1)
	return nil
}

// seeds has a seed file with webhooks written, each at a new address.
func (o *operator) seeds(lives []*life, args ...string) error {
	file := map[string][]hook{}
	var ended []func(ending)
	for _, l := range lives {
		h := o.next(l)
		file["webhooks"] = append(file["webhooks"], h)
		ended = append(ended, l.ask(addressOf(strings.TrimPrefix(h.URL, o.r.crm.url()), h.Auth)))
	}
	text, err := json.Marshal(file)
	if err != nil {
		return err
	}
	err = o.command(string(text), append([]string{"seed", "-"}, args...)...)
	for _, is := range ended {
		is(endingOf(err))
	}
	return err
}

// endingOf is what a command said that ended with an error, or without.
func endingOf(err error) ending {
	switch {
	case err == nil:
		return acknowledged
	case strings.Contains(err.Error(), "somebody else changed it meanwhile"):
		return refused
	}
	return unknown
}

// next is a webhook with an address that it never had: another path, or another token.
func (o *operator) next(l *life) hook {
	o.made++
	h := l.hook
	stages, _ := l.possible(time.Time{})
	path, token := h.path()+"/"+o.name+strconv.Itoa(o.made), "Bearer "+o.name+strconv.Itoa(o.made)
	if n := len(stages); n > 0 && stages[n-1].address != "" {
		oldPath, oldToken, _ := strings.Cut(stages[n-1].address, separator)
		if o.rand.IntN(2) == 0 {
			path = oldPath
		} else {
			token = oldToken
		}
	}
	h.URL, h.Auth = o.r.crm.url()+path, token
	return h
}

// add makes new webhooks, dealt out over the advertisers.
func (o *operator) add(n int) []*life {
	var of []*hook
	for i := range n {
		of = append(of, o.hooks[(o.made+i)%len(o.hooks)])
	}
	return o.addTo(of)
}

// addTo makes a new webhook for each of some advertisers.
func (o *operator) addTo(advertisers []*hook) []*life {
	var lives []*life
	for _, advertiser := range advertisers {
		o.made++
		h := o.r.hook(o.name + "w" + strconv.Itoa(o.made))
		h.Advertiser = advertiser.Advertiser
		l := &life{hook: *h}
		lives = append(lives, l)
		o.r.knows(l)
	}
	o.lives = append(o.lives, lives...)
	return lives
}

// knows has the checker ask for a webhook's leads.
func (r *rig) knows(l *life) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lives[l.hook.ID] = l
}

// ends has leads not sent to a webhook any more: it is disabled or removed.
func (o *operator) ends(l *life, how string) error {
	ended := l.ask("")
	err := o.command("", "webhooks", how, l.hook.ID, "--yes")
	ended(endingOf(err))
	return err
}

// step makes one change of those that operators make. The first webhook of each advertiser
// always takes leads, at changing addresses: so every lead after a change must arrive.
func (o *operator) step() error {
	steady, fickle := o.lives[:len(o.hooks)], o.lives[len(o.hooks):]
	n := o.rand.IntN(10)
	if n < 2 || len(fickle) == 0 {
		return o.seeds(o.add(1))
	}
	if n < 6 {
		return o.seeds([]*life{steady[o.rand.IntN(len(steady))]})
	}
	l := fickle[o.rand.IntN(len(fickle))]
	switch {
	case n < 8 || l.over():
		return o.seeds([]*life{l}) // added again, if it was removed
	case n < 9:
		return o.ends(l, "disable")
	default:
		return o.ends(l, "remove")
	}
}

// begins gives each advertiser a webhook.
func (o *operator) begins() {
	o.r.t.Helper()
	if err := o.seeds(o.add(len(o.hooks))); err != nil {
		o.r.giveUp("the first webhooks: %v", err)
	}
}

// works makes changes one after the other until the returned function is called, which
// returns when the last one is over.
func (o *operator) works() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			if o.step() != nil {
				time.Sleep(100 * time.Millisecond)
			}
		}
	})
	stop = func() { cancel(); work.Wait() }
	o.r.t.Cleanup(stop)
	return stop
}

// acknowledged is how many changes were.
func (o *operator) acknowledged() (n int) {
	for _, l := range o.lives {
		n += l.changes(acknowledged)
	}
	return n
}

// told is how many changes were refused, since another operator's came first.
func (o *operator) told() (n int) {
	for _, l := range o.lives {
		n += l.changes(refused)
	}
	return n
}

// changed is what the row says of operators' changes.
func changed(a *account, operators ...*operator) string {
	n, failed := 0, 0
	for _, o := range operators {
		n += o.acknowledged()
		failed += int(o.failed.Load())
	}
	text := fmt.Sprintf("%d changes acknowledged; %d leads sent to what they took away", n, a.astray)
	if failed > 0 {
		text += fmt.Sprintf("; %d commands failed", failed)
	}
	return text
}
