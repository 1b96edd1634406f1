package publish

import (
	"fmt"
	"strconv"

	"github.com/leadhook/leadhook/cmd/leadhook/samplelead"
	"github.com/leadhook/leadhook/lead"
)

// samples returns invented leads.
func (c Command) samples() (eventSource, error) {
	event, err := samplelead.New(c.Sample, c.Trigger)
	if err != nil {
		return eventSource{}, err
	}
	return eventSource{
		len: c.Count,
		get: func(i int) (string, []byte) {
			advertiser := c.advertiser(i)
			return advertiser, event(advertiser)
		},
		name: func(i int) string { return fmt.Sprintf("sample %d", i+1) },
	}, nil
}

// advertiser returns the advertiser of sample i.
func (c Command) advertiser(i int) string {
	if c.Spread == 0 {
		return c.Advertiser
	}
	return c.Advertiser + strconv.Itoa(i%c.Spread+1)
}

// checkSample checks the sample with the longest advertiser id.
func (c Command) checkSample() error {
	event, err := samplelead.New(c.Sample, c.Trigger)
	if err != nil {
		return err
	}
	if _, err := lead.Decode(event(c.advertiser(max(c.Spread-1, 0)))); err != nil {
		return fmt.Errorf("publish: --advertiser: %w", err)
	}
	return nil
}
