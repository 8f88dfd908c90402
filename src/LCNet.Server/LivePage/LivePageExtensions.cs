using LCNet.Server.Configuration;

namespace LCNet.Server.LivePage;

/// <summary>Adds the live page: what an operator sees of a running server without any other tool.</summary>
internal static class LivePageExtensions
{
    /// <summary>Path of the figures.</summary>
    public const string FiguresPath = "/live/figures";

    /// <summary>Path that classifies an image.</summary>
    public const string ClassifyPath = "/live/classify";

    /// <summary>Adds what the page shows, unless the page is turned off.</summary>
    public static IServiceCollection AddLivePage(this IServiceCollection services, ServerOptions options)
    {
        if (options.Page)
        {
            services.AddSingleton<LiveCounters>();
            services.AddSingleton<LiveFigures>();
            services.AddSingleton<LiveClassifier>();
        }

        return services;
    }

    /// <summary>Maps the page, its files, its figures and its way to classify.</summary>
    public static void MapLivePage(this IEndpointRouteBuilder app)
    {
        foreach (PageFile file in PageFile.All)
        {
            app.MapMethods(file.Path, [HttpMethods.Get, HttpMethods.Head], file.WriteAsync);
        }

        // Made now: what is measured before would not be counted.
        app.MapGet(FiguresPath, (RequestDelegate)app.ServiceProvider.GetRequiredService<LiveFigures>().WriteAsync);
        app.Map(ClassifyPath, (RequestDelegate)app.ServiceProvider.GetRequiredService<LiveClassifier>().AnswerAsync);
    }
}
