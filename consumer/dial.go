package consumer

import (
	"context"
	"net"

	"github.com/segmentio/kafka-go"
)

// connected returns a dialer like d whose connections end with ctx. kafka-go
// closes a reader or leaves a group only after the broker has answered what it
// was asked last, which a broker that hangs never does.
func connected(ctx context.Context, d *kafka.Dialer) *kafka.Dialer {
	dial := d.DialFunc
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	ending := *d
	ending.DialFunc = func(dialing context.Context, network, address string) (net.Conn, error) {
		dialing, cancel := context.WithCancel(dialing)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		c, err := dial(dialing, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: c, forget: context.AfterFunc(ctx, func() { _ = c.Close() })}, nil
	}
	return &ending
}

// A conn is closed by itself when its context ends.
type conn struct {
	net.Conn
	forget func() bool
}

func (c *conn) Close() error {
	c.forget()
	return c.Conn.Close()
}
