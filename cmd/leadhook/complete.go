package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/alecthomas/kong"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/webhook"
)

// completeCommand prints what the last word can be completed to: one completion a
// line, then a tab and what it means. ":files" stands for the names of files. The
// scripts of completionCommand call it. It prints no errors, which would disturb
// a person who is typing.
type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:"all"`
}

// Run prints the completions.
func (c completeCommand) Run(ctx context.Context, env *cli.Env, k *kong.Kong) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	t := typed{env: env, node: k.Model.Node}
	for _, word := range words[:len(words)-1] {
		t.take(word)
	}
	var answer strings.Builder
	for _, s := range t.next(ctx, words[len(words)-1]) {
		if !strings.ContainsFunc(s.text+s.means, unicode.IsControl) {
			fmt.Fprintf(&answer, "%s\t%s\n", s.text, s.means)
		}
	}
	if t.files {
		answer.WriteString(":files\n")
	}
	_, err := io.WriteString(env.Stdout, answer.String())
	return err
}

// typed is a command line up to the word that is being completed.
type typed struct {
	env      *cli.Env
	node     *kong.Node // the command
	args     int        // how many of its arguments are given
	onlyArgs bool       // there was a "--"
	flag     *kong.Flag // the flag whose value comes next, or nil
	config   string     // the value of --config
	files    bool       // file names are completions too
}

// take processes a finished word.
func (t *typed) take(word string) {
	flag := t.flag
	t.flag = nil
	switch {
	case flag != nil:
		t.set(flag, word)
	case t.onlyArgs || !strings.HasPrefix(word, "-") || word == "-":
		t.walk(word)
	case word == "--":
		t.onlyArgs = true
	case strings.HasPrefix(word, "--"):
		name, value, given := strings.Cut(word[2:], "=")
		if flag := t.find(name); given {
			t.set(flag, value)
		} else if flag != nil && !flag.IsBool() && !flag.IsCounter() {
			t.flag = flag
		}
	default:
		t.short(word[1:])
	}
}

func (t *typed) set(flag *kong.Flag, value string) {
	if flag != nil && flag.Name == "config" {
		t.config = value
	}
}

// short processes flags of one letter. The first one with a value gets the rest of
// the word.
func (t *typed) short(letters string) {
	for i, letter := range letters {
		flag := t.findIf(func(f *kong.Flag) bool { return f.Short == letter })
		if flag == nil || flag.IsBool() || flag.IsCounter() {
			continue
		}
		if value := letters[i+len(string(letter)):]; value != "" {
			t.set(flag, value)
		} else {
			t.flag = flag
		}
		return
	}
}

func (t *typed) walk(word string) {
	i := slices.IndexFunc(t.node.Children, func(n *kong.Node) bool { return n.Name == word })
	if i < 0 || t.args > 0 {
		t.args++
		return
	}
	t.node = t.node.Children[i]
}

func (t *typed) find(name string) *kong.Flag {
	return t.findIf(func(f *kong.Flag) bool { return f.Name == name })
}

func (t *typed) findIf(is func(*kong.Flag) bool) *kong.Flag {
	for _, group := range t.node.AllFlags(true) {
		if i := slices.IndexFunc(group, is); i >= 0 {
			return group[i]
		}
	}
	return nil
}

// A suggestion is what a word can be completed to.
type suggestion struct{ text, means string }

// next returns what word, which is being typed, can be completed to.
func (t *typed) next(ctx context.Context, word string) []suggestion {
	name, value, given := strings.Cut(word, "=")
	switch {
	case t.flag != nil:
		return t.values(ctx, t.flag.Value, word)
	case t.onlyArgs || !strings.HasPrefix(word, "-"):
		return t.commandOrArg(ctx, word)
	case !given:
		return t.flags(word)
	}
	var all []suggestion
	if flag := t.find(strings.TrimLeft(name, "-")); flag != nil {
		for _, s := range t.values(ctx, flag.Value, value) {
			all = append(all, suggestion{name + "=" + s.text, s.means})
		}
	}
	return all
}

func (t *typed) commandOrArg(ctx context.Context, word string) []suggestion {
	var all []suggestion
	for _, child := range t.node.Children {
		if t.args == 0 && !t.onlyArgs && !child.Hidden && strings.HasPrefix(child.Name, word) {
			all = append(all, suggestion{child.Name, child.Help})
		}
	}
	args := t.node.Positional
	if len(args) == 0 || t.args >= len(args) && !args[len(args)-1].IsCumulative() {
		return all
	}
	return append(all, t.values(ctx, args[min(t.args, len(args)-1)], word)...)
}

func (t *typed) flags(word string) []suggestion {
	var all []suggestion
	for _, group := range t.node.AllFlags(true) {
		for _, flag := range group {
			if name := "--" + flag.Name; strings.HasPrefix(name, word) {
				all = append(all, suggestion{name, flag.Help})
			}
		}
	}
	return all
}

// values returns the possible values of a flag or an argument: those of its enum, or
// of the kinds in its tag complete, which are file, webhook and advertiser. Any other word
// there is a value.
func (t *typed) values(ctx context.Context, v *kong.Value, word string) []suggestion {
	var all []suggestion
	add := func(text, means string) {
		if text != "" && strings.HasPrefix(text, word) {
			all = append(all, suggestion{text, means})
		}
	}
	for _, value := range v.EnumSlice() {
		add(value, "")
	}
	for kind := range strings.SplitSeq(v.Tag.Get("complete"), ",") {
		switch kind {
		case "file":
			t.files = true
		case "webhook":
			t.ask(ctx, func(ctx context.Context, catalog webhook.Catalog) {
				for _, h := range catalog.SuggestWebhooks(ctx, word, mostSuggestions) {
					add(h.ID, h.Advertiser)
				}
			})
		case "advertiser":
			t.ask(ctx, func(ctx context.Context, catalog webhook.Catalog) {
				for _, id := range catalog.SuggestAdvertisers(ctx, word, mostSuggestions) {
					add(id, "")
				}
			})
		default:
			add(kind, "")
		}
	}
	return all
}

const (
	mostSuggestions = 100 // with more than that, a person types on

	// suggestionTime is how long a person who types waits for Redis at most.
	suggestionTime = 500 * time.Millisecond
)

// ask calls question with the webhooks in Redis. It is not told whether that can be
// reached.
func (t *typed) ask(ctx context.Context, question func(context.Context, webhook.Catalog)) {
	loaded, err := config.Load(cmp.Or(t.config, t.env.SettingsFile), t.env.Environ)
	if err != nil {
		return
	}
	k, err := service.ConnectKafka(loaded.Config.Kafka) // which is not asked
	if err != nil {
		return
	}
	defer k.Close()
	rdb, err := service.ConnectRedis(loaded.Config.Redis)
	if err != nil {
		return
	}
	defer func() { _ = rdb.Close() }()
	webhooks := service.Webhooks(&loaded.Config, k, rdb)
	defer func() { _ = webhooks.Topic.Close() }()
	ctx, cancel := context.WithTimeout(ctx, suggestionTime)
	defer cancel()
	question(ctx, webhook.Catalog{Log: webhooks})
}
