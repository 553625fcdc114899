# The image contains only one static binary. Build: docker build -t mcpist . (scripts/test-static.sh runs the same steps without Docker.)
FROM rust:1.95-alpine@sha256:606fd313a0f49743ee2a7bd49a0914bab7deedb12791f3a846a34a4711db7ed2 AS build
RUN apk add --no-cache musl-dev
WORKDIR /source
# Builds the dependencies with placeholder sources first, so that they stay cached when only our source changes.
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
COPY scripts/build-static.sh scripts/
RUN mkdir -p src/modules src/time && touch src/time/windows.tsv && echo 'fn main() {}' > src/main.rs && touch src/lib.rs && scripts/build-static.sh && rm -r src
COPY src src
# The commit that the server reports.
ARG MCPIST_COMMIT=unknown
# The placeholder may be newer than the sources, so mark them as changed.
RUN touch build.rs src/main.rs src/lib.rs && cp "$(MCPIST_COMMIT=$MCPIST_COMMIT scripts/build-static.sh)" /mcpist

FROM scratch
COPY --from=build /mcpist /mcpist
USER 65534:65534
EXPOSE 8088
HEALTHCHECK --interval=30s --timeout=5s --start-period=2s CMD ["/mcpist", "health"]
ENTRYPOINT ["/mcpist"]
