# Where this was written no registry of images could be reached, so the images are named by tag. Pin them by digest:
#   docker build --build-arg NODE_IMAGE=gcr.io/distroless/nodejs20-debian12@sha256:… -t sds-node-agent:0.1.0 .
ARG BUILD_IMAGE=node:20-bookworm-slim
ARG NODE_IMAGE=gcr.io/distroless/nodejs20-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /checkout
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build && node scripts/image-root.mjs /image

FROM ${NODE_IMAGE}
# Where distroless images have Node, and where the others have it.
ENV PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin \
    NODE_ENV=production \
    STATE_DIR=/var/lib/sds-node-agent
WORKDIR /app
COPY --from=build /image/app ./
# The directories of the sockets and of the embedded CA, for who mounts nothing there.
COPY --from=build --chown=15014:15014 /image/empty /var/run/sds
COPY --from=build --chown=15014:15014 /image/empty /var/run/sds-admin
COPY --from=build --chown=15014:15014 --chmod=0700 /image/empty /var/lib/sds-node-agent
USER 15014:15014
EXPOSE 15014
# Kubernetes has probes of its own and ignores it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["node", "/app/health-check.mjs"]
ENTRYPOINT ["node", "/app/bin/sds-node-agent"]
CMD ["run"]
