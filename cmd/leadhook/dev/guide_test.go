//go:build !nodev

package dev

import (
	"testing"

	"github.com/leadhook/leadhook/config"
)

func TestTheAdminURLCanBeOpened(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"": "off", "127.0.0.1:9464": "http://127.0.0.1:9464", ":9464": "http://127.0.0.1:9464",
		"0.0.0.0:9464": "http://127.0.0.1:9464", "[::]:9464": "http://127.0.0.1:9464", "[::1]:9464": "http://[::1]:9464",
	} {
		if got := adminURL(config.Admin{Listen: listen}); got != want {
			t.Errorf("%q: got %s, want %s", listen, got, want)
		}
	}
}
