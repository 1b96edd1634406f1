package config_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/leadhook/leadhook/config"
)

// server answers over TLS, and its certificate is in a file.
func server(t *testing.T) (url, certFile string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	certFile = filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL, certFile
}

func get(t *testing.T, url string, c *tls.Config) error {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: c}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(url)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

func TestCAFileIsTrusted(t *testing.T) {
	url, file := server(t)
	client := func(environ ...string) *tls.Config {
		c, err := load(t, "", append(environ, "LEADHOOK_KAFKA_TLS_ENABLED=true")...).Config.Kafka.TLS.ClientConfig()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if err := get(t, url, client("LEADHOOK_KAFKA_TLS_CA_FILE="+file)); err != nil {
		t.Errorf("with the server's certificate as CA: %v", err)
	}
	if err := get(t, url, client()); err == nil {
		t.Error("without a CA file, a self-signed certificate was trusted")
	}
	if err := get(t, url, client("LEADHOOK_KAFKA_TLS_CA_FILE="+file, "LEADHOOK_KAFKA_TLS_SERVER_NAME=other.test")); err == nil {
		t.Error("the certificate of another name was taken")
	}
}

func TestRedisSchemeSwitchesTLSOn(t *testing.T) {
	url, file := server(t)
	c := load(t, "", "LEADHOOK_REDIS_URL=rediss://redis", "LEADHOOK_REDIS_TLS_CA_FILE="+file).Config
	client, err := c.Redis.TLS.ClientConfig()
	if err != nil || client == nil {
		t.Fatalf("got %v and error %v, want TLS", client, err)
	}
	if err := get(t, url, client); err != nil {
		t.Errorf("with the server's certificate as CA: %v", err)
	}
	if plain, err := load(t, "").Config.Redis.TLS.ClientConfig(); plain != nil || err != nil {
		t.Errorf("redis:// has TLS settings %v (%v), want none", plain, err)
	}
}

func TestHTTPCAFileIsTrustedBesideTheSystems(t *testing.T) {
	url, file := server(t)
	roots, err := load(t, "", "LEADHOOK_HTTP_CA_FILE="+file).Config.HTTP.RootCAs()
	if err != nil {
		t.Fatal(err)
	}
	if err := get(t, url, &tls.Config{RootCAs: roots}); err != nil {
		t.Errorf("with the server's certificate as CA: %v", err)
	}
	want, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(file)
	if want.AppendCertsFromPEM(pem); err != nil || !roots.Equal(want) {
		t.Errorf("the roots are not the system's and the server's certificate (%v)", err)
	}
	if none, err := config.Default().HTTP.RootCAs(); none != nil || err != nil {
		t.Errorf("without http.ca_file: got %v, %v, want neither", none, err)
	}
}

func TestClientCertificateNeedsToBeAPair(t *testing.T) {
	_, file := server(t) // a certificate, and no key
	_, err := config.TLS{Enabled: true, CertFile: file, KeyFile: file}.ClientConfig()
	if err == nil {
		t.Error("a certificate was taken for a key")
	}
}

func TestProxyURL(t *testing.T) {
	h := load(t, "", "LEADHOOK_HTTP_PROXY=http://me:p%40ss@proxy.example.com:3128/").Config.HTTP
	u := h.ProxyURL()
	if u == nil || u.Host != "proxy.example.com:3128" || u.User.String() != "me:p%40ss" {
		t.Errorf("proxy is %v", u)
	}
	if u := config.Default().HTTP.ProxyURL(); u != nil {
		t.Errorf("without http.proxy there is one: %v", u)
	}
}
