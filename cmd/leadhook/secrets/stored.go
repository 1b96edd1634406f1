package secrets

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/seal"
	"github.com/leadhook/leadhook/webhook/shares"
)

// checkCommand shows how the stored webhooks are sealed.
type checkCommand struct {
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (checkCommand) Help() string {
	return `Counts the stored entries by the key that they are sealed with: an advertiser's webhooks are one entry, and
so is the owner of a webhook's id. It fails if one does not open. A key that no longer seals any can be
removed from the settings. It needs Redis, which it brings up to the end of the topic first.

Examples:
  leadhook secrets check`
}

// A sealing is how many entries a key seals.
type sealing struct {
	Key     string `json:"key"` // its id; plain without one
	Entries int    `json:"entries"`
	Broken  int    `json:"broken"` // how many of them do not open
}

// Run shows it.
func (c checkCommand) Run(ctx context.Context, env *cli.Env) error {
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		byKey, err := sealings(ctx, log)
		if err != nil {
			return err
		}
		out := c.List(env.Terminal)
		broken := 0
		for _, key := range slices.Sorted(maps.Keys(byKey)) {
			s := byKey[key]
			broken += s.Broken
			text := fmt.Sprintf("%-8s  %d entries", s.Key, s.Entries)
			if s.Broken > 0 {
				text += fmt.Sprintf(", of which %d do not open", s.Broken)
			}
			if err := out.Add(s, text); err != nil {
				return err
			}
		}
		if err := out.End(); err != nil {
			return err
		}
		if broken > 0 {
			return fmt.Errorf("%d entries do not open: the leads of their advertisers become dead letters; append their keys to"+
				" secrets.keys, or seal those that are plain: leadhook secrets reseal, with secrets.plain true;"+
				" if a key is lost, seed its webhooks with --replace-damaged", broken)
		}
		return nil
	})
}

// sealings counts what is stored, by key.
func sealings(ctx context.Context, log *follow.Log) (map[string]*sealing, error) {
	epoch, err := log.Epoch(ctx)
	if err == nil {
		err = log.Filled(ctx, epoch)
	}
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]*sealing)
	for share := range shares.Count {
		for r, err := range log.Shares.All(ctx, epoch, share) {
			if err != nil {
				return nil, err
			}
			key, opens := howSealed(log, r.Key, r.Value)
			s := byKey[key]
			if s == nil {
				s = &sealing{Key: key}
				byKey[key] = s
			}
			if s.Entries++; !opens {
				s.Broken++
			}
		}
	}
	return byKey, nil
}

// howSealed returns the id of the key that an entry is sealed with, and whether it opens.
func howSealed(log *follow.Log, key string, value []byte) (id string, opens bool) {
	const plain, none = "plain", "none"
	e, err := entry.Parse(value)
	if err != nil {
		return none, false
	}
	if id, err = seal.KeyOf(e.Box); err != nil {
		return none, false
	}
	if id == "" {
		id = plain
	}
	_, err = log.Boxes.Open(e.Bound(key), e.Box)
	return id, err == nil
}

// resealCommand seals the stored webhooks with the first key.
type resealCommand struct {
	cli.ActorFlag
}

// Help returns what --help shows beside the flags.
func (resealCommand) Help() string {
	return `Publishes all stored webhooks again that are not sealed with the first key of the settings. It may run while
leads are delivered. To replace a key: add the new one behind the old one for all services and commands, then
move it to the front, then run this, then remove the old one.

Examples:
  leadhook secrets reseal`
}

// Run seals them.
func (c resealCommand) Run(ctx context.Context, env *cli.Env) error {
	loaded, err := env.Settings()
	if err != nil {
		return err
	}
	keys := seal.New(loaded.Config.Secrets.Keys, loaded.Config.Secrets.Plain)
	return env.WithWebhooks(ctx, func(log *follow.Log) error {
		n, err := c.Editor(env, log, "leadhook secrets reseal").Reseal(ctx, keys.IsCurrent)
		if _, failed := fmt.Fprintf(env.Stdout, "resealed: %d\n", n); failed != nil {
			return failed
		}
		return err
	})
}
