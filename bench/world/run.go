package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/leadhook/leadhook/bench/crm"
)

// A one is one run: a situation, with one subject.
type one struct {
	*stack
	group     *group
	situation *situation
	subject   *subject
	plan      *plan
	topic     string
	name      string // of the run, and of the consumer group

	hosts     map[string]*crm.Hosts
	arrivals  *arrivals
	processes []*process
	ending    sync.WaitGroup // of those that are replaced
}

// A subject is what is measured: the service, or another program in its place.
type subject struct {
	name    string
	command string // empty: the service
}

// subjects returns the service and, if a command is named, that.
func subjects(command string) []*subject {
	all := []*subject{{name: "leadhook"}}
	if command != "" {
		all = append(all, &subject{name: "beside", command: command})
	}
	return all
}

// measure makes the run. Where leads wait, they have been published before.
func (o *one) measure(ctx context.Context) (r *result, err error) {
	defer func() {
		for _, p := range o.processes {
			p.kill()
		}
		o.ending.Wait()
		err = errors.Join(err, o.deleteTopics(ctx, o.topic, o.group.leads > 0))
	}()
	if err := o.prepare(ctx); err != nil {
		return nil, err
	}
	return o.watch(ctx)
}

// prepare has everything ready, but what is measured.
func (o *one) prepare(ctx context.Context) error {
	if err := o.empty(ctx); err != nil {
		return err
	}
	if err := o.createTopics(ctx, o.topic); err != nil {
		return err
	}
	if err := seed(ctx, o.group.sets, o.situation.rates, binary(o.dir, ""), o.settings(o.topic, o.name, adminPort)); err != nil {
		return err
	}
	o.arrivals = newArrivals(o.plan, o.situation.lasts+time.Minute)
	o.hosts = map[string]*crm.Hosts{}
	var all []*crm.Hosts
	for kind, s := range o.group.sets {
		h := s.newHosts()
		o.arrivals.watch(kind, h)
		o.hosts[s.name] = h
		all = append(all, h)
	}
	o.world.Settle(all...)
	for _, c := range o.situation.changes {
		if c.at == 0 {
			c.do(o.hosts)
		}
	}
	return nil
}

// createTopics returns when the partitions have leaders.
func (s *stack) createTopics(ctx context.Context, topic string) error {
	if _, err := command(ctx, s.settings(topic, topic, adminPort), "", binary(s.dir, ""), "topics", "create"); err != nil {
		return err
	}
	return until(ctx, 30*time.Second, "the topics are there", func(ctx context.Context) bool {
		named, err := s.topics(ctx, topic)
		if err != nil {
			return false
		}
		for _, t := range named {
			for _, p := range t.Partitions {
				if p.Leader.Host == "" {
					return false
				}
			}
		}
		return len(named) > 1
	})
}

// watch starts what is measured, lets time go by, and looks.
func (o *one) watch(ctx context.Context) (*result, error) {
	c := o.situation
	for range max(1, c.instances) {
		if err := o.spawn(ctx); err != nil {
			return nil, err
		}
	}
	publishing, stopPublishing := context.WithCancel(ctx)
	var publisher sync.WaitGroup
	defer publisher.Wait()
	defer stopPublishing()
	var failed error // of the publisher; read after its end
	if o.group.leads == 0 {
		o.arrivals.began = time.Now() // nothing has arrived before
		publisher.Go(func() { failed = o.publish(publishing, o.topic, o.plan, o.arrivals.began) })
	}
	in, used, err := o.live(ctx)
	if err != nil {
		return nil, err
	}
	if o.group.leads == 0 {
		if err := pause(ctx, grace); err != nil {
			return nil, err
		}
	}
	stopPublishing()
	if publisher.Wait(); failed != nil {
		return nil, fmt.Errorf("publish: %w", failed)
	}
	return o.look(ctx, in, used)
}

// live is the run's time: what is to happen in it happens. It returns the part of it
// that counts, and the CPU used in that.
func (o *one) live(ctx context.Context) (in span, used time.Duration, err error) {
	begin, err := o.begins(ctx)
	if err != nil {
		return in, 0, err
	}
	counted := false
	counts := moment{o.situation.warm, func() error {
		if counted = true; o.situation.warm > 0 { // otherwise, all that it took to start counts
			in.from, used = time.Since(o.arrivals.began), o.cpu()
		}
		return nil
	}}
	for _, m := range o.moments(ctx, counts) {
		over, err := o.reach(ctx, begin+m.at)
		if err != nil {
			return in, 0, err
		}
		if over {
			break
		}
		if err := m.do(); err != nil {
			return in, 0, err
		}
	}
	in.to = time.Since(o.arrivals.began)
	if !counted || in.to-in.from < time.Second {
		return in, 0, errors.New("all leads had arrived before anything could be measured: the case needs more of them")
	}
	return in, o.cpu() - used, nil
}

// begins returns when the run's time begins: when its first lead is published or, if
// they are all there, arrives.
func (o *one) begins(ctx context.Context) (time.Duration, error) {
	if o.group.leads == 0 {
		return 0, nil
	}
	err := until(ctx, time.Minute, "the first lead has arrived", func(context.Context) bool { return o.arrivals.any() || o.fallen() != nil })
	return time.Since(o.arrivals.began), err
}

// A moment is something to do in a run's time.
type moment struct {
	at time.Duration
	do func() error
}

// moments returns all of a run's in their order, the end included.
func (o *one) moments(ctx context.Context, counts moment) []moment {
	c := o.situation
	all := []moment{counts, {c.lasts, func() error { return nil }}}
	for _, e := range c.changes {
		if e.at > 0 {
			all = append(all, moment{e.at, func() error { e.do(o.hosts); return nil }})
		}
	}
	if c.replaces {
		all = append(all, moment{c.half(), func() error { return o.replace(ctx) }})
	}
	slices.SortStableFunc(all, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return all
}

// undisturbed is the part of the measured time in which no instance comes or goes.
func (o *one) undisturbed(in span) span {
	if o.situation.replaces {
		in.to = o.situation.half()
	}
	return in
}

// reach waits until a time of the run. It returns early and true when the run is
// over: leads waited, and those of the first set have all arrived, or the loop has
// ended.
func (o *one) reach(ctx context.Context, at time.Duration) (over bool, err error) {
	for time.Since(o.arrivals.began) < at {
		p := o.fallen()
		switch {
		case o.group.leads > 0 && o.arrivals.all(0), p != nil && o.situation.bare && p.cmd.ProcessState.Success():
			return true, nil
		case p != nil:
			return false, errors.New("it ended by itself:\n" + p.tail())
		}
		if err := pause(ctx, min(20*time.Millisecond, at-time.Since(o.arrivals.began))); err != nil {
			return false, err
		}
	}
	return false, nil
}

// fallen returns a process that has ended without being told to, or nil.
func (o *one) fallen() *process {
	for _, p := range o.processes {
		if p.over() && !p.asked.Load() {
			return p
		}
	}
	return nil
}

func (o *one) cpu() (sum time.Duration) {
	for _, p := range o.processes {
		sum += p.cpu()
	}
	return sum
}

// look sums up.
func (o *one) look(ctx context.Context, in span, used time.Duration) (*result, error) {
	r := lookAt(o.arrivals, in, o.undisturbed(in))
	r.cpu = used
	for _, p := range o.processes {
		r.peak = max(r.peak, p.peak())
	}
	if r.leads == 0 {
		return nil, errors.New("no lead has arrived; the last lines of the log:\n" + o.processes[0].tail())
	}
	var err error
	r.waits, err = o.waits(ctx, o.topic)
	if err != nil {
		return nil, err
	}
	r.slots, err = o.slots(ctx)
	return r, err
}

// spawn starts a process and waits until it is ready.
func (o *one) spawn(ctx context.Context) error {
	n := len(o.processes)
	log := filepath.Join(o.dir, fmt.Sprintf("%s-%d.log", o.name, n))
	argv, err := o.argv()
	if err != nil {
		return err
	}
	p, err := start(argv, o.settings(o.topic, o.name, adminPort+n), log)
	if err != nil {
		return err
	}
	o.processes = append(o.processes, p)
	switch {
	case o.situation.bare:
		return nil
	case o.subject.command != "":
		return pause(ctx, 3*time.Second) // it has no way to say that it is ready
	}
	return until(ctx, time.Minute, "an instance is ready", func(ctx context.Context) bool { return ready(ctx, adminPort+n) || p.over() })
}

// argv returns the command to measure.
func (o *one) argv() ([]string, error) {
	switch {
	case o.situation.bare:
		return o.bareArgv()
	case o.subject.command != "":
		return []string{"sh", "-c", "exec " + o.subject.command}, nil
	}
	return []string{binary(o.dir, o.situation.tags), "run"}, nil
}

// adminPort is where the first instance answers questions.
const adminPort = 9464

func ready(ctx context.Context, port int) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/readyz", port), http.NoBody)
	if err != nil {
		return false
	}
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// replace stops the first instance and starts another one meanwhile.
func (o *one) replace(ctx context.Context) error {
	o.ending.Go(o.processes[0].stop)
	return o.spawn(ctx)
}
