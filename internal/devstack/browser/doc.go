// Package browser tests the sample CRM's page in a real browser: `make page`.
// The tests carry the build tag browser and need Chromium, which is an error
// where it is missing.
package browser
