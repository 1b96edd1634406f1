package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/webhook/seal"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// A composeService is what matters here of a service in docker-compose.yml.
type composeService struct {
	Image       string
	Build       any
	PullPolicy  string `yaml:"pull_policy"`
	Environment map[string]any
}

func composeServices(t *testing.T) map[string]composeService {
	t.Helper()
	content, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Services map[string]composeService }
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	return file.Services
}

// Compose builds at the same time what several services build, and the second
// build that ends in one name fails, on the first `up` of a fresh machine.
func TestComposeBuildsTheImageOnce(t *testing.T) {
	t.Parallel()
	var builders, users []string
	for name, s := range composeServices(t) {
		switch {
		case s.Image != "leadhook:dev":
		case s.Build != nil:
			builders = append(builders, name)
		case s.PullPolicy == "never":
			users = append(users, name)
		default:
			t.Errorf("service %s would look for %s at a registry", name, s.Image)
		}
	}
	slices.Sort(users)
	if got, want := fmt.Sprint(builders, users), "[leadhook] [crm seed topics]"; got != want {
		t.Errorf("services that build the image and that use it: got %s, want %s", got, want)
	}
}

// What the containers are told must be settings, and their seed must be one
// that these settings allow.
func TestComposeSettingsAndSeed(t *testing.T) {
	t.Parallel()
	var environ []string
	for name, value := range composeServices(t)["leadhook"].Environment {
		entry := fmt.Sprintf("%s=%v", name, value)
		if strings.HasPrefix(entry, "LEADHOOK_SECRETS_KEYS=${LEADHOOK_SECRETS_KEYS:?") { // from the file .env
			entry = "LEADHOOK_SECRETS_KEYS=" + seal.NewKey().Reveal()
		}
		environ = append(environ, entry)
	}
	loaded, err := config.Load("", environ)
	if err != nil {
		t.Fatal(err)
	}
	const name = "../../examples/compose/seed.yaml"
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	guard := attempt.NewGuard(service.GuardOptions(loaded.Config.HTTP))
	hooks, err := seedfile.Parse(t.Context(), name, content, seedfile.Options{CheckURL: guard.CheckURL})
	if err != nil {
		t.Fatal(err)
	}
	if len(hooks) == 0 {
		t.Error("the seed has no webhooks")
	}
}
