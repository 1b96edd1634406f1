package consumer

import (
	"context"
	"net"

	"github.com/segmentio/kafka-go"
)

// dialerUntil returns a dialer like d that closes its connections when ctx ends.
// kafka-go closes a reader, or leaves a group, only after the broker has
// answered the last request. A broker that hangs never answers.
func dialerUntil(ctx context.Context, d *kafka.Dialer) *kafka.Dialer {
	dial := d.DialFunc
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	bound := *d
	bound.DialFunc = func(dialing context.Context, network, address string) (net.Conn, error) {
		dialing, cancel := context.WithCancel(dialing)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		c, err := dial(dialing, network, address)
		if err != nil {
			return nil, err
		}
		return &boundConn{Conn: c, detach: context.AfterFunc(ctx, func() { _ = c.Close() })}, nil
	}
	return &bound
}

// A boundConn closes itself when its context ends.
type boundConn struct {
	net.Conn
	detach func() bool // from the context
}

func (c *boundConn) Close() error {
	c.detach()
	return c.Conn.Close()
}
