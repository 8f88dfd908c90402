# The server as an image.
#   docker build -t lcnet-server:0.1.0 .                       on the CPU, amd64 or arm64
#   docker build -t lcnet-server:0.1.0-cuda --target cuda .    on an NVIDIA GPU, amd64, CUDA 13 and cuDNN 9
# Both run as user 1654 and write nowhere but to /tmp, so the root file system can be read-only with a tmpfs there. The shipped bundles lie
# in /app/models; LCNet__Models names another folder. Needs BuildKit.

FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0.401-noble AS source
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
WORKDIR /source
# .dockerignore admits nothing but the server and what it refers to.
COPY . .

# For one runtime identifier, so that no other system's native libraries are published.
FROM source AS publish-cpu
ARG TARGETARCH
RUN --mount=type=cache,id=nuget,target=/root/.nuget/packages,sharing=locked \
    dotnet publish src/LCNet.Server -c Release -a $TARGETARCH --no-self-contained -o /app

FROM source AS publish-cuda
RUN --mount=type=cache,id=nuget,target=/root/.nuget/packages,sharing=locked \
    dotnet publish src/LCNet.Server -c Release -a amd64 --no-self-contained -p:Accelerator=cuda -o /app

FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS cuda
COPY --from=mcr.microsoft.com/dotnet/aspnet:10.0.12-noble /usr/share/dotnet /usr/share/dotnet
# CUDA caches what it compiles for the device; by default in the home directory.
ENV CUDA_CACHE_PATH=/tmp/cuda \
    DOTNET_ROOT=/usr/share/dotnet \
    DOTNET_RUNNING_IN_CONTAINER=true \
    LCNet__Device=cuda
WORKDIR /app
COPY --from=publish-cuda /app .
EXPOSE 8001 8000
USER 1654:1654
HEALTHCHECK --interval=10s --timeout=6s --start-period=120s --start-interval=2s CMD ["./LCNet.Server", "--healthcheck"]
ENTRYPOINT ["./LCNet.Server"]

# No shell, no package manager: the health check is the server's own.
FROM mcr.microsoft.com/dotnet/aspnet:10.0.12-noble-chiseled AS cpu
WORKDIR /app
COPY --from=publish-cpu /app .
EXPOSE 8001 8000
USER 1654:1654
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --start-interval=2s CMD ["./LCNet.Server", "--healthcheck"]
ENTRYPOINT ["./LCNet.Server"]
