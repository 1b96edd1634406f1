package consumer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/wait"
)

// leaveEvery is how often a coordinator is told that a member has left.
const leaveEvery = 500 * time.Millisecond

// lastLeaves is for how long an instance that stops tells so.
const lastLeaves = 2 * time.Second

// A lastMember has the group forget members that this instance no longer is: after an
// error, kafka-go joins as another one. It leaves as the old one too, but once, and at that
// moment no broker may be the group's coordinator, or be ready for it. The next coordinator
// then waits for the old member until its session is over, and the whole group with it.
type lastMember struct {
	m      *membership
	id     string             // empty: there is none, or kafka-go has given it up
	cancel context.CancelFunc // ends leaving; nil: nothing is leaving
	leaves sync.WaitGroup
}

// joined notes as whom kafka-go has joined.
func (l *lastMember) joined(id string) {
	l.stop()
	l.id = id
}

// lost leaves, until kafka-go has joined again, the group as the member that it gave up
// because of err. It is repeated, since kafka-go takes the error in the answer for something
// else: nobody knows whether the coordinator has listened.
func (l *lastMember) lost(ctx context.Context, err error) {
	if l.id == "" || errors.Is(err, kafka.RebalanceInProgress) {
		return
	}
	request := kafka.LeaveGroupRequest{GroupID: l.m.c.opts.Group, Members: []kafka.LeaveGroupRequestMember{{ID: l.id}}}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.id = ""
	l.leaves.Go(func() {
		for ctx.Err() == nil {
			_, _ = l.m.c.opts.Client.LeaveGroup(ctx, &request)
			wait.For(ctx, leaveEvery)
		}
	})
}

func (l *lastMember) stop() {
	if l.cancel != nil {
		l.cancel()
		l.cancel = nil
	}
}

// close returns when nothing is leaving any longer. It blocks for two seconds at most.
func (l *lastMember) close() {
	defer time.AfterFunc(lastLeaves, l.stop).Stop()
	l.leaves.Wait()
}
