# syntax=docker/dockerfile:1

# The binary is static and runs as an unprivileged user. The image has no
# shell; it has CA certificates and time zones, which the service needs. It has no
# embedded Kafka and Redis (-tags nodev). `make image` passes VERSION and COMMIT.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -tags nodev -ldflags "-s -w -X main.version=${VERSION}" -o /leadhook ./cmd/leadhook

FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev
ARG COMMIT=
LABEL org.opencontainers.image.title="leadhook" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
COPY --from=build /leadhook /leadhook
# A probe from outside the container cannot reach loopback. Publish this port
# only to those who may see metrics.
ENV LEADHOOK_ADMIN_LISTEN=:9464
EXPOSE 9464
ENTRYPOINT ["/leadhook"]
CMD ["run"]
