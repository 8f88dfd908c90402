using Grpc.Core;

namespace LCNet.Cli.Load;

/// <summary>What became of a request's call. Nothing of the call itself, as hundreds of thousands are kept.</summary>
/// <param name="Status">How it ended.</param>
/// <param name="HasRetryInfo">Whether a refusal said when to try again.</param>
/// <param name="Efforts">Of each of its images; none where there is no reply.</param>
/// <param name="Right">Images whose most probable label is their class.</param>
internal readonly record struct LoadAnswer(StatusCode Status, bool HasRetryInfo, IReadOnlyList<double> Efforts, int Right)
{
    private const string DetailsTrailer = "grpc-status-details-bin";

    /// <summary>Waits for a call's end, and takes from its reply what counts.</summary>
    /// <param name="call">The call; freed.</param>
    /// <param name="read">Gives efforts, and how many images are right.</param>
    public static async Task<LoadAnswer> OfAsync<T>(AsyncUnaryCall<T> call, Func<T, (IReadOnlyList<double> Efforts, int Right)> read)
    {
        using (call)
        {
            // Throwing takes ten times as long as the rest of a refused call, on cores that the server is to have.
            await ((Task)call.ResponseAsync).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (call.ResponseAsync.Exception is { } exception)
            {
                var failure = (RpcException)exception.InnerException!;
                return new LoadAnswer(failure.StatusCode, failure.Trailers.Get(DetailsTrailer) is not null, [], 0);
            }

            (IReadOnlyList<double> efforts, int right) = read(await call.ResponseAsync.ConfigureAwait(false));
            return new LoadAnswer(StatusCode.OK, false, efforts, right);
        }
    }
}
