// Package browser tests the sample CRM's page in a real browser: `make page`. The
// tests have the build tag browser and fail without Chromium.
package browser
