using LCNet.Server.Configuration;

namespace LCNet.Server.LivePage;

/// <summary>Adds the live page: what an operator sees of a running server without any other tool.</summary>
internal static class LivePageExtensions
{
    /// <summary>Path of the figures.</summary>
    public const string FiguresPath = "/live/figures";

    /// <summary>Adds what the page shows, unless the page is turned off.</summary>
    public static IServiceCollection AddLivePage(this IServiceCollection services, ServerOptions options)
    {
        if (options.Page)
        {
            services.AddSingleton<LiveCounters>();
            services.AddSingleton<LiveFigures>();
        }

        return services;
    }

    /// <summary>Maps the page, its files and its figures.</summary>
    public static void MapLivePage(this IEndpointRouteBuilder app)
    {
        foreach (PageFile file in PageFile.All)
        {
            app.MapMethods(file.Path, [HttpMethods.Get, HttpMethods.Head], file.WriteAsync);
        }

        // Made now: what is measured before would not be counted.
        app.MapGet(FiguresPath, (RequestDelegate)app.ServiceProvider.GetRequiredService<LiveFigures>().WriteAsync);
    }
}
