// Package webhooks is `leadhook webhooks`: it shows, changes, exports and tests
// webhooks.
package webhooks

import (
	"context"
	"iter"
	"net/url"
	"strings"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

// Command is the family of commands on webhooks.
type Command struct {
	List    listCommand    `cmd:"" help:"Show webhooks, a page at a time."`
	Show    showCommand    `cmd:"" help:"Show everything about webhooks."`
	Export  exportCommand  `cmd:"" help:"Write webhooks as a seed file."`
	Enable  enableCommand  `cmd:"" help:"Make webhooks active, including those that the service disabled."`
	Disable disableCommand `cmd:"" help:"Make webhooks inactive, as their advertisers would."`
	Remove  removeCommand  `cmd:"" help:"Remove webhooks."`
	History historyCommand `cmd:"" help:"Show who changed the webhooks of an advertiser, when, and how."`
	Recover recoverCommand `cmd:"" help:"Publish webhooks again that their topic lost."`
	Adopt   adoptCommand   `cmd:"" help:"Take over webhooks that were kept in Redis alone, before they had a topic."`
	Test    testCommand    `cmd:"" help:"Send a test lead to a webhook now, and show what comes of it."`
}

// Help returns what --help shows beside the flags.
func (Command) Help() string {
	return `Webhooks are written with "leadhook seed"; these commands show what is stored, and the health that the
service recorded.

Examples:
  leadhook webhooks list --advertiser USA_332240
  leadhook webhooks show 84+TEST_1
  leadhook webhooks enable 84+TEST_1
  leadhook webhooks history USA_332240
  leadhook webhooks export > webhooks.yaml`
}

// filter selects webhooks for which all conditions hold. Embed it in the command.
type filter struct {
	Advertiser string      `placeholder:"ID" complete:"advertiser" help:"Only those of this advertiser."`
	Host       string      `placeholder:"NAME" help:"Only those whose URL has this host, with its port if the URL has one."`
	Format     lead.Format `enum:"json,adf," default:"" placeholder:"FORMAT" help:"Only those with this format: json or adf."`
	Active     *bool       `negatable:"" help:"Only those that leads are sent to (--no-active: that none are sent to)."`
	Failing    bool        `help:"Only those that fail: the last five attempts did, or all over an hour."`
	Disabled   bool        `help:"Only those that the service disabled."`
}

// each yields the selected webhooks after the one with the id after, in the order
// of [webhook.Catalog.All], or by id if they are all of one advertiser.
func (f *filter) each(ctx context.Context, catalog webhook.Catalog, after string) iter.Seq2[*lead.Webhook, error] {
	source := catalog.All(ctx, after)
	if f.Advertiser != "" {
		source = ofAdvertiser(ctx, catalog, f.Advertiser, after)
	}
	return func(yield func(*lead.Webhook, error) bool) {
		for h, err := range source {
			if (err != nil || f.takes(h)) && !yield(h, err) {
				return
			}
		}
	}
}

func ofAdvertiser(ctx context.Context, catalog webhook.Catalog, advertiser, after string) iter.Seq2[*lead.Webhook, error] {
	return func(yield func(*lead.Webhook, error) bool) {
		hooks, err := catalog.Webhooks(ctx, advertiser)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, h := range hooks {
			if (h.ID > after || after == "") && !yield(h, nil) {
				return
			}
		}
	}
}

func (f *filter) takes(h *lead.Webhook) bool {
	return (f.Host == "" || strings.EqualFold(f.Host, Host(h.URL))) &&
		(f.Format == "" || f.Format == h.Format) &&
		(f.Active == nil || *f.Active == sends(h)) &&
		(!f.Failing || fails(h)) &&
		(!f.Disabled || !h.Disabled.At.IsZero())
}

// Host returns the host of a webhook's URL, with its port if the URL has one. It
// returns "" for what is not a URL.
func Host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// sends reports whether leads are sent to the webhook.
func sends(h *lead.Webhook) bool {
	return h.Damaged == "" && h.Active && h.Disabled.At.IsZero()
}

// fails reports whether the webhook counts as failing.
func fails(h *lead.Webhook) bool { return h.Failing.Plainly(h.LastFailure.At) }

// state returns a webhook's state in one word.
func state(h *lead.Webhook) string {
	switch {
	case h.Damaged != "":
		return "damaged"
	case !h.Active:
		return "inactive"
	case !h.Disabled.At.IsZero():
		return "disabled"
	case fails(h):
		return "failing"
	}
	return "active"
}
